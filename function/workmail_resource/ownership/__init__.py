"""Which stack owns a resource: the rules, and the ledger that remembers it."""
