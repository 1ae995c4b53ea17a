"""A keyring backend that never answers: `PYTHON_KEYRING_BACKEND=hung_keyring.Keyring`."""

from __future__ import annotations

import time

from keyring.backend import KeyringBackend


class Keyring(KeyringBackend):
    priority = 5

    def get_password(self, service: str, username: str) -> str | None:
        while True:
            time.sleep(60)

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError
