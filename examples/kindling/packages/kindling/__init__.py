"""Data apps as entities and pipes, the same on every Spark platform."""

from importlib.resources import files

__all__ = ["default_settings"]


def default_settings() -> str:
    """The settings that every platform starts from, as YAML."""
    return files(__name__).joinpath("defaults/settings.yaml").read_text(encoding="utf-8")
