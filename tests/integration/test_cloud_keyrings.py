"""The real keyring backends of Google, AWS and Azure, behind a forward proxy; what they ask is answered here."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from corporate_network import CompanyIndex, ForwardProxy, QuietServer, company_authority
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from harness.environments import installed
from harness.process import run
from made_files import make_wheel

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for dotnet is a shell script")


@dataclass(frozen=True)
class Cloud:
    """A repository of one cloud, who its backend is, and what that gives."""

    backend: str
    base: str
    upload: str
    user: str
    token: str

    @property
    def host(self) -> str:
        return self.base.split("/")[2]


CLOUDS = {
    "google": Cloud(
        "keyrings.gauth.GooglePythonAuth",
        "https://europe-west1-python.pkg.dev/proj/repo/",
        "",
        "oauth2accesstoken",
        "ya29.made-by-google",
    ),
    "aws": Cloud(
        "keyrings.codeartifact.CodeArtifactBackend",
        "https://demo-123456789012.d.codeartifact.eu-west-1.amazonaws.com/pypi/repo/",
        "",
        "aws",
        "made-by-aws",
    ),
    "azure": Cloud(
        "artifacts_keyring.ArtifactsKeyringBackend",
        "https://pkgs.dev.azure.com/corp/_packaging/feed/pypi/",
        "upload/",
        "VssSessionToken",
        "made-by-azure",
    ),
}


class TokenServer:
    """Google's token endpoint and AWS's CodeArtifact, as far as the backends ask them; counts the questions."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                server.asked.append(self.path.partition("?")[0])
                google = {"access_token": CLOUDS["google"].token, "expires_in": 3600, "token_type": "Bearer"}
                aws = {"authorizationToken": CLOUDS["aws"].token, "expiration": 4102444800}
                body = json.dumps(google if self.path == "/token" else aws).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = QuietServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def tokens() -> Iterator[TokenServer]:
    server = TokenServer()
    yield server
    server.close()


@pytest.fixture
def index() -> CompanyIndex:
    return CompanyIndex({each.host: (each.user, each.token) for each in CLOUDS.values()})


@pytest.fixture
def proxy(index: CompanyIndex, tmp_path: Path) -> Iterator[ForwardProxy]:
    hosts = [each.host for each in CLOUDS.values()]
    _, context = company_authority(tmp_path / "authority", hosts)
    started = ForwardProxy(dict.fromkeys(hosts, index.start(context)))
    yield started
    started.close()


@pytest.fixture
def clouds(
    tmp_path: Path, environment: dict[str, str], proxy: ForwardProxy, tokens: TokenServer
) -> dict[str, str]:
    """The environment of a person who is logged in to all three clouds."""
    programs = tmp_path / "programs"
    programs.mkdir()
    azure = json.dumps({"Username": CLOUDS["azure"].user, "Password": CLOUDS["azure"].token})
    # Where Azure's backend has no program of its own for this system. Its own gets the token from a variable.
    dotnet = programs / "dotnet"
    dotnet.write_text(
        f"#!/bin/sh\nif [ \"$1\" = exec ]; then echo '{azure}'; else echo 'Microsoft.NETCore.App 8.0.0'; fi\n"
    )
    dotnet.chmod(0o755)
    endpoint = {
        "endpoint": f"{CLOUDS['azure'].base}{CLOUDS['azure'].upload}",
        "username": CLOUDS["azure"].user,
        "password": CLOUDS["azure"].token,
    }
    account = tmp_path / "service-account.json"
    account.write_text(json.dumps(service_account(f"{tokens.url}/token")))
    del environment["PYTHON_KEYRING_BACKEND"]
    return environment | {
        "PATH": f"{programs}{os.pathsep}{environment['PATH']}",
        "HTTPS_PROXY": proxy.url,
        "NO_PROXY": "",
        "REQUESTS_CA_BUNDLE": str(tmp_path / "authority" / "ca.pem"),
        "GOOGLE_APPLICATION_CREDENTIALS": str(account),
        "VSS_NUGET_EXTERNAL_FEED_ENDPOINTS": json.dumps({"endpointCredentials": [endpoint]}),
        "AWS_ENDPOINT_URL_CODEARTIFACT": tokens.url,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "made-for-tests",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def service_account(token_uri: str) -> dict[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "type": "service_account",
        "project_id": "proj",
        "private_key_id": "0" * 40,
        "private_key": pem.decode(),
        "client_email": "ci@proj.iam.gserviceaccount.example",
        "token_uri": token_uri,
    }


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Three wheels of three projects, and a repository in each cloud."""
    folder = tmp_path / "project"
    (folder / "dist").mkdir(parents=True)
    for name in ("made-for-tests", "made-for-tests-too", "made-for-others"):
        make_wheel(folder / "dist", name, "1.0")
    tables = "".join(
        f'[tool.publish-all.repositories.{name}]\nurl = "{each.base}{each.upload}"\nindex-url = "{each.base}simple/"\n'
        for name, each in CLOUDS.items()
    )
    (folder / "pyproject.toml").write_text(f'[project]\nname = "made-for-tests"\nversion = "1.0"\n{tables}')
    return folder


@pytest.mark.parametrize("name", CLOUDS)
def test_publishes_with_the_backends_own_user_name(
    name: str, project: Path, clouds: dict[str, str], index: CompanyIndex, tokens: TokenServer
) -> None:
    cloud = CLOUDS[name]
    program = installed("keyrings", "publish-all")
    wheels = sorted((project / "dist").iterdir())
    done = run([program, "publish", "-n", "-r", name, *wheels], cwd=project, environment=clouds)
    assert done.returncode == 0, done
    assert sorted(index.files[cloud.host]) == [each.name for each in wheels]
    assert index.users == {(cloud.host, cloud.user)}
    assert cloud.token not in done.output
    # One token for all three projects, and to read the index.
    assert len(tokens.asked) == (0 if name == "azure" else 1), tokens.asked


def test_repositories_says_which_backend_and_user_each_has(project: Path, clouds: dict[str, str]) -> None:
    program = installed("keyrings", "publish-all")
    done = run([program, "repositories", "--format", "json"], cwd=project, environment=clouds)
    assert done.returncode == 0, done
    found = {each["name"]: each["credential"] for each in json.loads(done.stdout)["repositories"]}
    for name, cloud in CLOUDS.items():
        assert found[name].startswith(f"{cloud.user}, keyring {cloud.backend}"), found[name]
        assert cloud.token not in done.output
    assert "keyring" not in found["pypi"]


def test_a_backend_that_is_not_logged_in_is_a_note_with_its_own_words(
    project: Path, clouds: dict[str, str], index: CompanyIndex
) -> None:
    program = installed("keyrings", "publish-all")
    refusing = clouds | {
        "GOOGLE_APPLICATION_CREDENTIALS": str(project / "nowhere.json"),
        "NO_GCE_CHECK": "true",
    }
    (Path(clouds["PATH"].split(os.pathsep)[0]) / "gcloud").symlink_to("/bin/false")
    wheels = sorted((project / "dist").iterdir())
    done = run([program, "publish", "-n", "-r", "google", *wheels], cwd=project, environment=refusing)
    assert done.returncode == 3, done
    assert "gcloud auth application-default login" in done.stderr
    assert index.files == {}
