"""Looks into a database from the terminal."""
