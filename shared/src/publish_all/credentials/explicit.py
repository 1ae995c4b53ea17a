"""What was said on the command line, for the one repository that it was said for."""

from __future__ import annotations

from publish_all._secret import Secret
from publish_all._values import dataclass
from publish_all.credentials.source import Credential, CredentialRequest
from publish_all.credentials.value import TOKEN_USER, credential_of
from publish_all.events import Listener, ignore


@dataclass(frozen=True, kw_only=True, slots=True)
class Explicit:
    """`--username` and `--password` as given with `--repository`; either may be missing."""

    repository: str
    username: str | None = None
    password: Secret | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ExplicitSource:
    """The command line. A user name alone is no answer: it says whom to look for in the other sources."""

    explicit: Explicit
    listener: Listener = ignore
    name: str = "command line"

    def find(self, request: CredentialRequest) -> Credential | None:
        if request.repository != self.explicit.repository or self.explicit.password is None:
            return None
        origin = "the command line's --password"
        username = self.username(request) or request.username or TOKEN_USER
        value = self.explicit.password.reveal()
        return credential_of(request, username=username, value=value, origin=origin, listener=self.listener)

    def username(self, request: CredentialRequest) -> str | None:
        """The user name stated for this request, with or without a password."""
        return self.explicit.username if request.repository == self.explicit.repository else None
