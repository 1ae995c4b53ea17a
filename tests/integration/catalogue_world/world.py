"""One project, its files, its user, and the servers: what a case of the catalogue changes one thing in."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from catalogue_world.public_index import Internet, Site, token
from harness.servers import Registry, Server

from publish_all.attestations.attestation import SigningError
from publish_all.commands.context import Runtime
from publish_all.commands.destinations import ConnectionOptions
from publish_all.commands.doctor import doctor
from publish_all.commands.files import PublishOptions
from publish_all.commands.publish import publish
from publish_all.commands.state import state_of
from publish_all.config.folders import Folders, HostFolders
from publish_all.config.model import Isolation
from publish_all.diagnoses import findings_of
from publish_all.errors import PublishAllError
from publish_all.events import Event, Found
from publish_all.findings import Finding
from publish_all.results import PublishReport

NAME = "kindling-demo"
METADATA = """\
Metadata-Version: 2.1
Name: {name}
Version: {version}
Summary: {summary}
{headers}
{readme}"""


class NoSigner:
    """Where the extra for attestations is not installed."""

    def check(self) -> None:
        raise SigningError("the extra attestations is not installed")

    def sign(self, distribution: object) -> Any:
        raise AssertionError("signed without a check")


@dataclass(frozen=True)
class Outcome:
    """What a command found, and the exit code it ends with."""

    findings: tuple[Finding, ...]
    exit_code: int
    text: str = ""
    untested: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()

    def told(self, label: str) -> list[str]:
        """The facts of doctor under a label."""
        return [text for name, text in self.facts if name == label]

    @property
    def codes(self) -> list[str]:
        return [each.code for each in self.findings]


@dataclass
class World:
    """Everything is in order until a case changes something."""

    folder: Path
    net: Internet
    monkeypatch: pytest.MonkeyPatch
    environment: dict[str, str] = field(default_factory=dict)
    repositories: tuple[str, ...] = ()
    build: bool = False
    skip_existing: bool = False
    verify_timeout: float = 5.0
    auth: str = "auto"
    username: str | None = None
    trusts: bool = True
    entries: list[dict[str, object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.net.reset()
        self.root = self.folder / "demo"
        self.home = self.folder / "home"
        self.dist = self.root / "dist"
        self.dist.mkdir(parents=True)
        self.home.mkdir()
        self.environment = {"PATH": os.environ["PATH"]}
        self.give_token(token())
        self.project()
        self.release()

    @property
    def pypi(self) -> Site:
        return self.net.sites["pypi.org"]

    @property
    def corp(self) -> Site:
        return self.net.sites["corp.example"]

    # --- changing something

    def project(
        self,
        *,
        name: str = NAME,
        version: str = "1.0",
        to: str = '["pypi"]',
        top: str = "",
        more: str = "",
        licence: str = 'license = "MIT"',
        says: str | None = None,
    ) -> None:
        stated = says if says is not None else f'version = "{version}"'
        (self.root / "pyproject.toml").write_text(
            f'[project]\nname = "{name}"\n{stated}\n{licence}\n'
            f"[tool.publish-all]\npublish-to = {to}\n{top}\n{more}\n"
        )

    def corp_project(
        self, more: str = "", *, url: str = "https://corp.example/legacy/", **stated: str
    ) -> None:
        """The project goes to the company's index."""
        index = "" if "index-url" in more else 'index-url = "https://corp.example/simple/"\n'
        table = f'[tool.publish-all.repositories.corp]\nurl = "{url}"\n{index}{more}'
        self.project(to='["corp"]', more=table, **stated)

    def corp_user(self, password: str = "right", *, expected: str = "right") -> None:
        self.corp.users = {"dev": expected}
        self.environment |= {"PUBLISH_ALL_CORP_USERNAME": "dev", "PUBLISH_ALL_CORP_PASSWORD": password}

    def at(self, server: Server | Registry, *, password: str | None) -> None:
        """The project goes to a real server, by this password."""
        if isinstance(server, Registry):
            stated = f'kind = "oci"\nurl = "http://{server.host}/team"'
        else:
            stated = f'url = "{server.upload_url}"\nindex-url = "{server.index_url}"'
        self.project(to='["real"]', more=f"[tool.publish-all.repositories.real]\n{stated}\n")
        self.environment |= {
            "PUBLISH_ALL_REAL_USERNAME": server.username or "",
            "PUBLISH_ALL_REAL_PASSWORD": password or "",
        }

    def give_token(self, value: str, *, valid: bool = True) -> None:
        self.environment["PUBLISH_ALL_PYPI_TOKEN"] = value
        self.pypi.tokens = {value} if valid else set()

    def take_token(self) -> None:
        self.environment.pop("PUBLISH_ALL_PYPI_TOKEN", None)

    def in_job(self, **claims: str) -> None:
        """Run as a job of GitHub Actions which may ask for an identity."""
        self.take_token()
        self.net.claims = claims
        self.environment |= self.net.job()
        for key, value in self.net.job().items():
            self.monkeypatch.setenv(key, value)

    def leave_job(self) -> None:
        for key in self.net.job():
            self.environment.pop(key, None)
            self.monkeypatch.delenv(key, raising=False)

    def workflow(self, text: str) -> None:
        path = self.root / ".github" / "workflows" / "publish.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    # --- files

    def release(self, *, name: str = NAME, version: str = "1.0", **flaws: Any) -> None:
        """One wheel and one sdist, anew, as if they had been built."""
        self.no_files()
        self.wheel(name=name, version=version, **flaws)
        self.sdist(name=name, version=version)

    def no_files(self) -> None:
        shutil.rmtree(self.dist)
        self.dist.mkdir()
        self.entries = []

    def wheel(
        self,
        *,
        name: str = NAME,
        version: str = "1.0",
        tag: str = "py3-none-any",
        variant: str | None = None,
        package: str | None = None,
        members: Mapping[str, bytes] | None = None,
        unrecorded: Mapping[str, bytes] | None = None,
        empty: bool = False,
        cut: int = 0,
        **metadata: str,
    ) -> Path:
        stem = f"{name.replace('-', '_')}-{version}"
        info = f"{stem}.dist-info"
        pure = "true" if tag.endswith("-any") else "false"
        own = {} if empty else {f"{package or name.replace('-', '_')}/__init__.py": b'"""Nothing."""\n'}
        held = {
            **own,
            **(members or {}),
            f"{info}/METADATA": _metadata(name, version, **metadata),
            f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: {pure}\nTag: {tag}\n".encode(),
        }
        record = "".join(
            f"{path},sha256={_digest(content)},{len(content)}\n" for path, content in held.items()
        )
        held = {**held, **(unrecorded or {}), f"{info}/RECORD": f"{record}{info}/RECORD,,\n".encode()}
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as opened:
            for path, content in held.items():
                opened.writestr(zipfile.ZipInfo(path), content)
        content = buffer.getvalue()
        return self._put(
            f"{stem}-{tag}.whl", content[: len(content) - cut], "wheel", name, version, variant, tag
        )

    def sdist(self, *, name: str = NAME, version: str = "1.0", variant: str | None = None) -> Path:
        stem = f"{name.replace('-', '_')}-{version}"
        buffer = io.BytesIO()
        members = {"PKG-INFO": _metadata(name, version), "pyproject.toml": b"[project]\n"}
        with tarfile.open(fileobj=buffer, mode="w:gz") as opened:
            for path, content in members.items():
                entry = tarfile.TarInfo(f"{stem}/{path}")
                entry.size = len(content)
                opened.addfile(entry, io.BytesIO(content))
        return self._put(f"{stem}.tar.gz", buffer.getvalue(), "sdist", name, version, variant, None)

    def _put(
        self,
        filename: str,
        content: bytes,
        kind: str,
        name: str,
        version: str,
        variant: str | None,
        tag: str | None,
    ) -> Path:
        path = self.dist / filename
        path.write_bytes(content)
        self.entries = [each for each in self.entries if each["filename"] != filename]
        self.entries.append(
            {
                "variant": variant,
                "name": name,
                "version": version,
                "filename": filename,
                "kind": kind,
                "tag": tag,
                "size": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
                "builder": "tests",
            }
        )
        return path

    def _remember(self, runtime: Runtime) -> None:
        """Let publish-all think that it built the files."""
        path = state_of(self.root, runtime, make=True).manifest(self.dist)
        assert path is not None
        folder = str(self.dist.resolve())
        manifest = {"schema": 1, "project": NAME, "folder": folder, "distributions": self.entries}
        path.write_text(json.dumps(manifest))

    def variants(self, *names: str) -> None:
        """Files of build variants in place of the project's own."""
        self.no_files()
        for each in names:
            self.wheel(name=f"{NAME}-{each}", variant=each, package=each)

    @property
    def a_wheel(self) -> Path:
        return next(self.dist.glob("*.whl"))

    def sha256(self, path: Path) -> str:
        return hashlib.sha256(path.read_bytes()).hexdigest()

    def blake2(self, path: Path) -> str:
        return hashlib.blake2b(path.read_bytes(), digest_size=32).hexdigest()

    def unpublish(self) -> None:
        """What was uploaded in this world never was: to follow advice that comes before a publish."""
        for site in self.net.sites.values():
            for files in site.held.values():
                for name in site.uploads:
                    files.pop(name, None)
            site.uploads.clear()
        self.net.registry.tags.clear()
        for path in self.dist.glob("*.jsonl"):
            path.unlink()

    # --- git

    def git(self, *arguments: str, cwd: Path | None = None) -> None:
        identity = ("-c", "user.name=T", "-c", "user.email=t@e.org", "-c", "init.defaultBranch=main")
        allowed = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        subprocess.run(
            ["git", *identity, *arguments], cwd=cwd or self.root, check=True, capture_output=True, env=allowed
        )

    def commit(self, *, tag: str | None = None) -> None:
        if not (self.root / ".git").exists():
            (self.root / ".gitignore").write_text("dist/\n")
            self.git("init", "-q")
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "a state")
        if tag is not None:
            self.git("tag", tag)

    def remote(self) -> Path:
        """A bare repository as `origin`."""
        remote = self.folder / "remote.git"
        self.git("init", "-q", "--bare", str(remote))
        self.git("remote", "add", "origin", str(remote))
        return remote

    # --- the two commands

    def connection(self) -> ConnectionOptions:
        folders = Folders(
            config=self.home / "config.toml",
            data=self.home / "data",
            state=self.home / "state",
            hosts=HostFolders(
                poetry=self.home / "poetry.toml",
                hatch=self.home / "hatch.toml",
                uv=self.home / "uv.toml",
                pdm=self.home / "pdm.toml",
                pypirc=self.home / ".pypirc",
            ),
        )
        # The installer of an isolated environment would go out to this world, too.
        runtime = Runtime(
            environment=dict(self.environment), home=self.home, folders=folders, isolation=Isolation.NEVER
        )
        self._remember(runtime)
        return ConnectionOptions(
            repositories=self.repositories,
            ca_cert=self.net.ca if self.trusts else None,
            auth=self.auth,
            username=self.username,
            timeout=5,
            signer=NoSigner(),
            runtime=runtime,
        )

    def publish(self, *, dry_run: bool = False) -> Outcome:
        heard: list[Event] = []
        options = PublishOptions(
            directory=self.root,
            build=self.build,
            dry_run=dry_run,
            skip_existing=self.skip_existing,
            verify_timeout=self.verify_timeout,
            connection=self.connection(),
        )
        said: list[Finding] = []
        try:
            result = publish(options.heard_by(heard.append))
        except PublishAllError as error:
            said, code, text = list(findings_of(error)), error.exit_code, error.message
        else:
            code, text = result.exit_code, ""
            if isinstance(result.report, PublishReport):
                said = [
                    finding
                    for repository in result.report.repositories
                    for release in repository.releases
                    for finding in (
                        *release.findings,
                        *(each for file in release.files for each in file.findings),
                    )
                ]
        found = [event.finding for event in heard if isinstance(event, Found)]
        return Outcome(tuple(dict.fromkeys([*found, *said])), code, text)

    def doctor(self) -> Outcome:
        options = PublishOptions(
            directory=self.root,
            build=self.build,
            skip_existing=self.skip_existing,
            connection=self.connection(),
        )
        report = doctor(options)
        untested = tuple(text for each in report.examined for text in each.untested)
        facts = tuple((fact.label, fact.text) for each in report.examined for fact in each.facts)
        return Outcome(report.findings, report.exit_code, untested=untested, facts=facts)


Change = Callable[[World], object]


@dataclass(frozen=True, kw_only=True)
class Case:
    """How a failure comes about, what makes it go away, and what only looks like it.

    `break_it` makes the failure in a world that is in order, `next_step` is what the finding advises,
    `lookalike` changes a world that is in order in a way that is near the failure. `exits` is how publish ends, None
    where the finding does not keep it from anything.
    """

    code: str
    break_it: Change
    next_step: Change
    lookalike: Change
    exits: int | None = None
    says: str = ""


def _metadata(
    name: str,
    version: str,
    *,
    summary: str = "A file for tests.",
    headers: str = "",
    content_type: str = "text/markdown",
    readme: str = "# A file for tests\n",
) -> bytes:
    return METADATA.format(
        name=name,
        version=version,
        summary=summary,
        headers=headers + (f"Description-Content-Type: {content_type}\n" if content_type else ""),
        readme=readme,
    ).encode()


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
