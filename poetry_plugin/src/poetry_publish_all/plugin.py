"""Entry point of the Poetry plugin: imports the host alone."""
