"""For whom files are checked."""

from __future__ import annotations

from publish_all._values import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Audience:
    """Where the files are to go.

    `public` names the destinations that anybody can read and that follow PyPI's rules (none: the
    rules of public indexes are not applied); `private` is the project's own word that it must never
    go there; `local_versions` whether all destinations take versions with a `+local` part.
    """

    public: tuple[str, ...] = ()
    private: bool = False
    local_versions: bool = True

    @property
    def names(self) -> str:
        return " and ".join(self.public)
