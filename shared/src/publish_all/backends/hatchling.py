"""What hatchling loads in an isolated build: import hatchling alone."""
