"""The Hatch plugin of publish-all."""

__version__ = "0.1.0"
