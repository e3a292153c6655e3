"""Whose a resource is: the rules, and the ledger that remembers."""
