"""One entry of the catalogue: a diagnosis with all that a reader of it may want to know."""

from __future__ import annotations

import enum

from publish_all._values import dataclass
from publish_all.findings import Diagnosis, Severity

PAGE = "reference/errors.md"


class Sight(enum.Enum):
    """Which commands can tell it."""

    BOTH = "publish and doctor"
    PUBLISH = "publish"  # by its nature: `unseen` says why doctor can't
    DOCTOR = "doctor"
    CHECK = "check"
    OTHERS = "other commands"


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """What people write about a code. `means` says what happened, `source` who says that it is so.

    `unseen` is the reason for which doctor does not see what publish may meet. `test` is the id of the
    test that produces the failure; empty for the table of tests/integration/test_catalogue.py.
    """

    means: str
    next_step: str
    source: str
    sight: Sight = Sight.BOTH
    unseen: str = ""
    test: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A diagnosis and its text."""

    diagnosis: Diagnosis
    text: Text

    @property
    def code(self) -> str:
        return self.diagnosis.code

    @property
    def slug(self) -> str:
        return self.diagnosis.slug

    @property
    def severity(self) -> Severity:
        return self.diagnosis.severity

    @property
    def anchor(self) -> str:
        """Where on the page: `reference/errors.md#pa301`."""
        return f"{PAGE}#{self.code.lower()}"

    @property
    def test(self) -> str:
        return self.text.test or f"tests/integration/test_catalogue.py::test_entry[{self.code}]"
