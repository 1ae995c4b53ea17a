from __future__ import annotations

import pytest
from packaging.version import Version

from publish_all.commands.context import specifier
from publish_all.config.model import Pin


@pytest.mark.parametrize(
    ("version", "pin", "written"),
    [
        ("1.4.0", "compatible", ">=1.4,<2"),
        ("1.4.3", "compatible", ">=1.4.3,<2"),
        ("2", "compatible", ">=2.0,<3"),
        ("0.4.0", "compatible", ">=0.4,<0.5"),
        ("0.0.7", "compatible", ">=0.0.7,<0.1"),
        ("2.0.0rc1", "compatible", ">=2.0.0rc1,<3"),
        ("1.4.1.dev3+gabc", "compatible", ">=1.4.1.dev3,<2"),
        ("1!4.2.0", "compatible", ">=1!4.2,<1!5"),
        ("1.4.0+local", "exact", "==1.4.0"),
        ("1.4.0", "none", ""),
    ],
)
def test_what_is_required_of_a_member(version, pin, written):
    assert specifier(Version(version), Pin(pin)) == written
