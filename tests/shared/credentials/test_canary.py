"""A secret that goes through every source shows itself nowhere but in the credential's `reveal`."""

from __future__ import annotations

import traceback
from types import SimpleNamespace

import pytest

from publish_all._secret import Secret
from publish_all.credentials.chain import explain_missing
from publish_all.credentials.configured import VARIABLES
from publish_all.credentials.default_chain import default_chain
from publish_all.credentials.prompt import Explicit
from publish_all.errors import CredentialError

CANARY = "canary-7f3e9b-do-not-show"
URL = "https://upload.pypi.org/legacy/"


def no_index(method, url, **options):
    return SimpleNamespace(status=404, json=dict)


def every_variable(value):
    names = {variable.name.format(REPOSITORY="PYPI", PROJECT="KINDLING_SYNAPSE") for variable in VARIABLES}
    return [{name: value} for name in sorted(names)]


@pytest.fixture
def shown(tools_of, make_request, recorder):
    """Everything that a lookup says, for a chain made with these options."""

    def look(environment=None, files=None, **options):
        values = {
            "session": SimpleNamespace(request=no_index),
            "backends": tuple,
            "listener": recorder,
            "run": lambda *args, **kwargs: SimpleNamespace(returncode=1, stdout="", stderr=""),
        }
        names = ("pypi", "corp", "github")
        chain = default_chain(tools_of(files, environment), names, **{**values, **options})
        said = []
        for name in ("pypi", "corp", "github"):
            request = make_request(name)
            for ask in (chain.plausible, chain.get, chain.renew):
                try:
                    said.append(repr(ask(request)))
                except CredentialError as error:
                    said.extend([repr(error.findings), *traceback.format_exception(error)])
            said.append(repr(chain.trace(request)))
            said.append(str(explain_missing(request, chain.trace(request))))
        return "\n".join([*said, recorder.text])

    return look


@pytest.mark.parametrize(
    "spoilt", [CANARY, f" {CANARY}\n", f"{CANARY}\x00x", f"pypi-{CANARY}", f"ghp_{CANARY}"]
)
def test_variables(spoilt, shown):
    for environment in every_variable(spoilt):
        assert CANARY not in shown(environment=environment)


@pytest.mark.parametrize("spoilt", [CANARY, f"{CANARY}\x00x", f"pypi-{CANARY}"])
def test_command_line(spoilt, shown):
    assert CANARY not in shown(explicit=Explicit("pypi", password=Secret(spoilt)))


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (".pypirc", f"[pypi]\npassword = {CANARY}\n"),
        (".pypirc", f"[pypi\npassword = {CANARY}\n"),
        (".pypirc", f"[pypi]\n{CANARY}\n"),
        ("auth.toml", f'[pypi-token]\npypi = "{CANARY}"\n'),
        ("auth.toml", f'[pypi-token]\npypi = "{CANARY}\n'),
        ("auth.toml", f"[pypi-token]\npypi = {CANARY}\n"),
        ("hatch.toml", f'[publish.index]\nauth = "{CANARY}"\n'),
        ("hatch.toml", f"[publish.index]\nauth = {CANARY}\n"),
    ],
)
def test_files(file, text, shown):
    assert CANARY not in shown(files={file: text})


def test_keyring_gh_and_prompt(shown):
    ring = SimpleNamespace(get_password=lambda *_: CANARY, get_credential=lambda *_: None)
    assert CANARY not in shown(backends=lambda: (ring,))
    gh = SimpleNamespace(returncode=0, stdout=f"{CANARY}\n", stderr="")
    assert CANARY not in shown(run=lambda *args, **kwargs: gh)
    assert CANARY not in shown(ask=lambda question, *, hidden: CANARY if hidden else "bob")


@pytest.mark.parametrize("user", [f"pypi-{CANARY}", f"ghp_{CANARY}", f"github_pat_{CANARY}"])
def test_a_token_given_as_the_user_name_is_refused_unshown(user, shown):
    environment = {"PUBLISH_ALL_CORP_USERNAME": user, "PUBLISH_ALL_CORP_PASSWORD": "x"}
    said = shown(environment=environment)
    assert CANARY not in said
    assert "PA309" in said
