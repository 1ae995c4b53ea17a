"""Entry points of the Hatch plugin: import the host alone."""
