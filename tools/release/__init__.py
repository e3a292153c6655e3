"""Prepares a release: the version and its date in the project's files, and the files that a release publishes."""
