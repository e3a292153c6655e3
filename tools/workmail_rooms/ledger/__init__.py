"""Shows, checks and repairs the provider's ledger, which says which stack owns each room."""
