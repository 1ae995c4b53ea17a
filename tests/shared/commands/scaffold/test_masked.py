from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `pipelines`, which is no test

from pipelines import pipelines

from publish_all.commands.scaffold.changes import masked
from publish_all.commands.scaffold.github_workflow import github_workflow
from publish_all.commands.scaffold.gitlab_pipeline import gitlab_pipeline

TOKEN = "pypi-AgEIcHlwaS5vcmcCEzhmM2QxYzU1LWlkZW50aWZpZXI"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"poetry config pypi-token.pypi {TOKEN}", "poetry config pypi-token.pypi ***"),
        ("curl -u bob:hunter2 https://x", "curl -u *** https://x"),
        ("curl https://bob:hunter2@x.example/", "curl https://***@x.example/"),
        ("tool --password hunter2", "tool --password ***"),
        ("twine upload -u bob -p hunter2 dist/*", "twine upload -u bob -p *** dist/*"),
        ("tool --token=hunter22", "tool --token=***"),
        ("  TWINE_PASSWORD: hunter22", "  TWINE_PASSWORD: ***"),
        ("git push https://x:ghp_0123456789abcdef0123@github.com/a", "git push https://***@github.com/a"),
    ],
)
def test_masks_what_may_be_a_credential(text, expected):
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "TWINE_PASSWORD: ${{ secrets.PYPI_TOKEN }}",
        'TWINE_PASSWORD: "${{ secrets.PYPI_TOKEN }}"',
        'twine upload -u __token__ -p "$TOKEN" dist/*',
        "mkdir -p build/kindling",
        "uses: actions/checkout@v4",
        "poetry publish -r corp",
        "permissions: {id-token: write}",
        "PUBLISH_ALL_CORP_TOKEN: ${{ secrets.CORP_TOKEN }}",
    ],
)
def test_leaves_what_is_none(text):
    assert masked(text) == text


def test_leaves_what_we_write_ourselves():
    for _, pipeline in pipelines():
        for text in (github_workflow(pipeline), gitlab_pipeline(pipeline)):
            assert masked(text) == text
