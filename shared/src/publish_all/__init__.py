"""Build every variant of a Python project, and publish it everywhere."""

__version__ = "0.1.0"
