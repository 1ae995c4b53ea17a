"""A keyring backend that gives our credentials to twine, uv, pip, Poetry and Hatch.

It is there only with `PUBLISH_ALL_KEYRING=1`. Without that it must not exist for `keyring`: on a machine
without any other backend it would become the keyring, and tools would try to store secrets in it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from keyring.backend import KeyringBackend
from keyring.compat import properties
from keyring.credentials import SimpleCredential
from keyring.errors import PasswordDeleteError, PasswordSetError

if TYPE_CHECKING:
    from publish_all.commands.keyring import KeyringAnswers

SWITCH = "PUBLISH_ALL_KEYRING"


class CannotStoreError(PasswordSetError, NotImplementedError):
    """Nothing is stored here. A chain of backends goes on to its next one for a `NotImplementedError`."""


class CannotDeleteError(PasswordDeleteError, NotImplementedError):
    """Nothing is stored here, so nothing can be removed."""


class PublishAllKeyring(KeyringBackend):
    """Answers for the URLs of configured repositories, and None for anything else."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring does not annotate it
        self._answers: KeyringAnswers | None = None

    @properties.classproperty
    def priority(cls) -> float:  # noqa: N805 - a property of the class
        """Above the systems' keyrings, which we ask ourselves; below the chain, which stores in them.

        Raises `RuntimeError` unless the user has switched it on.
        """
        if os.environ.get(SWITCH) != "1":
            msg = f"{SWITCH} is not 1"
            raise RuntimeError(msg)
        return 9

    def get_password(self, service: str, username: str) -> str | None:
        found = self.get_credential(service, username)
        return found.password if found is not None else None

    def get_credential(self, service: str, username: str | None) -> SimpleCredential | None:
        if self._answers is None:
            from publish_all.commands.keyring import KeyringAnswers

            self._answers = KeyringAnswers()
        found = self._answers.find(service, username)
        return SimpleCredential("".join(found.username), found.secret.reveal()) if found is not None else None

    def set_password(self, service: str, username: str, password: str) -> None:
        del service, username, password
        msg = f"the keyring of publish-all stores nothing; unset {SWITCH} to store in another one"
        raise CannotStoreError(msg)

    def delete_password(self, service: str, username: str) -> None:
        del service, username
        msg = f"the keyring of publish-all stores nothing; unset {SWITCH} to use another one"
        raise CannotDeleteError(msg)
