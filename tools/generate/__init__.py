"""Writes what follows from the code and its tests: the schema, the reference's facts, the contracts and the calls."""
