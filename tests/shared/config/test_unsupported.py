from __future__ import annotations

import pytest

from publish_all.config.unsupported import refuse_unsupported
from publish_all.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("repositories.pypi.attestations = 'always'", "repositories.pypi.attestations"),
        ("repositories.pypi.trusted-publishing = 'always'", "repositories.pypi.trusted-publishing"),
    ],
)
def test_a_feature_that_does_not_exist_yet_is_refused_by_its_key(parse, text, key):
    config = parse(f"[tool.publish-all]\n{text}\n")

    with pytest.raises(ConfigurationError, match=r"is not supported yet") as caught:
        refuse_unsupported(config)

    assert caught.value.message.startswith(f"pyproject.toml:2: tool.publish-all.{key}")


def test_what_exists_is_not_refused(parse):
    refuse_unsupported(
        parse("[tool.publish-all.repositories.github]\nowner = 'x'\n[tool.publish-all.variants.a]\n")
    )
