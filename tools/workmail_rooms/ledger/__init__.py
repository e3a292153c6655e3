"""Whose each room is: the provider's ledger, looked at and mended from a terminal."""
