"""A real keyring backend in a file, for the processes of a test: `PYTHON_KEYRING_BACKEND=json_keyring.Keyring`."""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend


class Keyring(KeyringBackend):
    """Keeps entries in the file that JSON_KEYRING names; knows no user that it is not asked for, as file backends do."""

    priority = 5

    def get_password(self, service: str, username: str) -> str | None:
        return self._entries().get(f"{service}\n{username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._write({**self._entries(), f"{service}\n{username}": password})

    def delete_password(self, service: str, username: str) -> None:
        entries = self._entries()
        del entries[f"{service}\n{username}"]
        self._write(entries)

    def _entries(self) -> dict[str, str]:
        path = Path(os.environ["JSON_KEYRING"])
        return json.loads(path.read_text()) if path.is_file() else {}

    def _write(self, entries: dict[str, str]) -> None:
        Path(os.environ["JSON_KEYRING"]).write_text(json.dumps(entries))
