"""Writes what follows from the code and its tests: schema, facts of the reference, contracts, calls and version."""
