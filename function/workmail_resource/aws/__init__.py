"""Calls to AWS services: clients, tries and waits, errors and what to do about them."""
