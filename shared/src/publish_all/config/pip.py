"""What pip's configuration files say: https://pip.pypa.io/en/stable/topics/configuration/."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from configparser import Error, RawConfigParser
from pathlib import Path

SECTIONS = ("install", "global")


def pip_setting(
    name: str, *, environment: Mapping[str, str], files: Sequence[Path]
) -> tuple[str, str] | None:
    """A setting that pip would install with, and where it is stated; None where it is not.

    A variable wins over the files, and of these the first. Files that cannot be read are pip's business.
    """
    variable = f"PIP_{name.upper().replace('-', '_')}"
    if environment.get(variable):
        return environment[variable], f"environment {variable}"
    if environment.get("PIP_CONFIG_FILE") == os.devnull:
        return None
    for path in files:
        parser = RawConfigParser(strict=False)
        try:
            parser.read_string(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, Error):
            continue
        for section in SECTIONS:
            value = parser.get(section, name, fallback="").strip()
            if value:
                return value, f"pip {path}"
    return None
