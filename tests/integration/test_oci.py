"""`-r github` against a real OCI registry: publish, read with others' programs, list, download, finalize."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from chaos_proxy import chaos_proxy
from harness import pyoci
from harness.environments import installed, on_path
from harness.hosts import Host
from harness.process import Result, run
from harness.projects import built, git
from harness.servers import PASSWORD, USER, Registry
from harness.token_server import TokenServer
from made_files import make_sdist, make_wheel

from publish_all.commands.context import Runtime
from publish_all.commands.destinations import ConnectionOptions
from publish_all.commands.files import PublishOptions
from publish_all.commands.publish import publish

VARIANTS = ("databricks", "fabric", "synapse")
VERSION = "0.4.2"
FILES = sorted(
    f"kindling_{variant}-{VERSION}{ending}"
    for variant in VARIANTS
    for ending in (".tar.gz", "-py3-none-any.whl")
)
ROUNDS = 100
SEEDS = 5


def at(registry: Registry, owner: str = "Sep") -> dict[str, str]:
    """The user points `github` at a registry, as for GitHub Enterprise; Actions states the owner."""
    return {
        "PUBLISH_ALL_REPOSITORIES_GITHUB_URL": f"http://{registry.host}/{{owner}}",
        "GITHUB_REPOSITORY_OWNER": owner,
    }


def token(secret: str = PASSWORD) -> dict[str, str]:
    return {"GITHUB_TOKEN": secret, "GITHUB_ACTOR": USER}


@pytest.fixture
def publish_all(environment: dict[str, str]) -> Host:
    return Host(
        name="publish-all", program=installed("poetry-newest", "publish-all"), environment=environment
    )


def sha256s(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in built(folder)}


def as_json(result: Result) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(result.stdout)["files"]
    return found


def inspect(
    registry: Registry, name: str, *options: str, cwd: Path, environment: Mapping[str, str]
) -> dict[str, object]:
    skopeo = [on_path("skopeo", "skopeo"), "inspect", "--tls-verify=false", "--raw", *options]
    done = run([*skopeo, f"docker://{registry.host}/{name}"], cwd=cwd, environment=environment, check=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def oras_pull(registry: Registry, reference: str, folder: Path, environment: Mapping[str, str]) -> None:
    """With the independent client's own token and digest handling."""
    script = (
        "import sys, oras.client; client = oras.client.OrasClient(hostname=sys.argv[1], insecure=True); "
        "client.pull(target=f'{sys.argv[1]}/{sys.argv[2]}', outdir=sys.argv[3])"
    )
    python = installed("servers", "python")
    run(
        [python, "-c", script, registry.host, reference, folder],
        cwd=folder,
        environment=environment,
        check=True,
    )


def test_poetry_publishes_to_github_and_others_can_read_it(
    kindling: Path, newest_poetry: Host, publish_all: Host, open_registry: Registry, tmp_path: Path
) -> None:
    git(kindling, "remote", "add", "origin", "git@github.com:Sep/spark-kindling.git")
    url = {"PUBLISH_ALL_REPOSITORIES_GITHUB_URL": f"http://{open_registry.host}/{{owner}}"}

    first = newest_poetry("publish-all", "-r", "github", cwd=kindling, environment=url)

    assert first.returncode == 0, first
    ours = sha256s(kindling / "dist")
    assert sorted(ours) == FILES

    index = inspect(
        open_registry, f"sep/kindling_synapse:{VERSION}", cwd=tmp_path, environment=newest_poetry.environment
    )
    source = {"org.opencontainers.image.source": "https://github.com/Sep/spark-kindling"}
    assert source.items() <= dict(index["annotations"]).items()  # type: ignore[call-overload]
    for child in index["manifests"]:  # type: ignore[attr-defined]
        oras_pull(
            open_registry, f"sep/kindling_synapse@{child['digest']}", tmp_path, newest_poetry.environment
        )
    pulled = {name: digest for name, digest in ours.items() if "synapse" in name}
    assert sha256s(tmp_path) == pulled

    for variant in VARIANTS:
        listed = pyoci.list_files(open_registry.host, "sep", f"kindling-{variant}")
        expected = {name: digest for name, digest in ours.items() if variant in name}
        assert {name: each.sha256 for name, each in listed.items()} == expected
        assert {name: hashlib.sha256(each.content).hexdigest() for name, each in listed.items()} == expected

    second = newest_poetry("publish-all", "-r", "github", cwd=kindling, environment=url)
    assert second.returncode == 0, second
    assert "nothing to upload" in second.output

    rows = as_json(publish_all("list", "--format", "json", cwd=kindling, environment=url, check=True))
    assert sorted(row["file"] for row in rows) == FILES
    assert {row["source"] for row in rows} == set(source.values())
    wheels = tmp_path / "wheelhouse"
    publish_all(
        "download",
        "-r",
        "github",
        f"kindling-synapse=={VERSION}",
        "-d",
        wheels,
        cwd=kindling,
        environment=url,
        check=True,
    )
    assert sha256s(wheels) == pulled


def test_hatch_publishes_to_github(
    fastorm: Path, newest_hatch: Host, publish_all: Host, open_registry: Registry
) -> None:
    publish_all("build", cwd=fastorm, check=True)
    environment = at(open_registry) | {"HATCH_PUBLISHER": "publish-all"}
    done = newest_hatch("publish", "-r", "github", cwd=fastorm, environment=environment)
    assert done.returncode == 0, done
    listed = {
        name: each.sha256
        for variant in ("lite", "postgres")
        for name, each in pyoci.list_files(open_registry.host, "sep", f"fastorm-{variant}").items()
    }
    assert listed == sha256s(fastorm / "dist")


def test_a_token_is_asked_for_as_at_github(
    kindling: Path, publish_all: Host, registry_with_tokens: Registry, token_server: TokenServer
) -> None:
    environment = at(registry_with_tokens) | token()
    done = publish_all("publish", "-r", "github", cwd=kindling, environment=environment)
    assert done.returncode == 0, done
    assert PASSWORD not in done.output
    scopes = sorted(scope for each in token_server.requests for scope in each.scopes)
    assert scopes == [f"repository:sep/kindling_{variant}:pull,push" for variant in VARIANTS]
    assert {each.username for each in token_server.requests} == {USER}

    shown = publish_all(
        "list", "kindling-fabric", "--format", "json", cwd=kindling, environment=environment, check=True
    )
    assert len(as_json(shown)) == 2
    assert token_server.requests[-1].scopes == ("repository:sep/kindling_fabric:pull",)


def test_wrong_and_missing_credentials_upload_nothing(
    publish_all: Host, registry_with_tokens: Registry, registry_with_password: Registry, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path, "kindling", "1.0")
    for registry in (registry_with_tokens, registry_with_password):
        for credentials in (token("wrong-password"), {}):
            done = publish_all(
                "publish", wheel, "-r", "github", cwd=tmp_path, environment=at(registry) | credentials
            )
            assert done.returncode == 3, done
            assert "hint:" in done.stderr
            assert "wrong-password" not in done.output
            read = publish_all("list", "kindling", cwd=tmp_path, environment=at(registry) | credentials)
            assert read.returncode == 3, read


def test_a_password_opens_a_plain_registry(
    publish_all: Host, registry_with_password: Registry, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path, "zope.interface", "1!2.0+cu126.1")
    environment = at(registry_with_password) | token()
    done = publish_all("publish", wheel, "-r", "github", cwd=tmp_path, environment=environment)
    assert done.returncode == 0, done
    shown = as_json(
        publish_all(
            "list", "Zope.Interface", "--format", "json", cwd=tmp_path, environment=environment, check=True
        )
    )
    assert [(row["version"], row["file"]) for row in shown] == [("1!2.0+cu126.1", wheel.name)]


@pytest.mark.parametrize(
    "base", ['[project]\nname = "kindling"\nversion = "1.0"\n', ""], ids=["named", "nameless"]
)
def test_list_asks_for_what_the_project_publishes_and_no_more(
    base: str, publish_all: Host, open_registry: Registry, tmp_path: Path
) -> None:
    (tmp_path / "lite.toml").write_text('[project]\nname = "kindling-lite"\nversion = "1.0"\n')
    (tmp_path / "pyproject.toml").write_text(
        f'{base}[tool.publish-all.variants.lite]\npyproject = "lite.toml"\n'
    )
    done = publish_all("list", cwd=tmp_path, environment=at(open_registry), check=True)
    noted = [line for line in done.stderr.splitlines() if "no versions there" in line]
    assert len(noted) == 1
    assert "kindling-lite" in noted[0]


def test_other_bytes_are_a_conflict(publish_all: Host, open_registry: Registry, tmp_path: Path) -> None:
    environment = at(open_registry)
    wheel = make_wheel(tmp_path, "kindling", "1.0")
    publish_all("publish", wheel, "-r", "github", cwd=tmp_path, environment=environment, check=True)
    wheel.unlink()
    make_wheel(tmp_path, "kindling", "1.0", size=300)
    done = publish_all("publish", wheel, "-r", "github", cwd=tmp_path, environment=environment)
    assert done.returncode == 6, done
    skipped = publish_all(
        "publish", wheel, "-r", "github", "--skip-existing", cwd=tmp_path, environment=environment
    )
    assert skipped.returncode == 0, skipped


def test_no_owner_is_a_usage_error_that_names_each_way(publish_all: Host, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "kindling", "1.0")
    done = publish_all("publish", wheel, "-r", "github", cwd=tmp_path)
    assert done.returncode == 2, done
    for way in ("-r github:OWNER", "owner =", "GITHUB_REPOSITORY_OWNER", "git remote `origin`"):
        assert way in done.stderr


def test_a_package_of_pyoci_is_listed_downloaded_and_added_to(
    publish_all: Host, open_registry: Registry, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    wheel, sdist = make_wheel(theirs, "kindling", "1.0"), make_sdist(theirs, "kindling", "1.0")
    files = {"py3-none-any.whl": wheel.read_bytes(), ".tar.gz": sdist.read_bytes()}
    pyoci.write(open_registry.host, "sep", "kindling", "1.0", files)
    environment = at(open_registry)

    rows = as_json(
        publish_all("list", "kindling", "--format", "json", cwd=tmp_path, environment=environment, check=True)
    )
    assert {row["file"]: row["bytes"] for row in rows} == {
        each.name: each.stat().st_size for each in (wheel, sdist)
    }
    publish_all(
        "download", "kindling", "-d", tmp_path / "back", cwd=tmp_path, environment=environment, check=True
    )
    assert sha256s(tmp_path / "back") == sha256s(theirs)
    nowhere = publish_all("download", "kindling", "-d", wheel, cwd=tmp_path, environment=environment)
    assert nowhere.returncode == 1, nowhere
    assert f"{wheel}: File exists" in nowhere.stderr

    same = publish_all("publish", wheel, sdist, "-r", "github", cwd=tmp_path, environment=environment)
    assert same.returncode == 0, same
    assert "nothing to upload" in same.output
    other = make_wheel(tmp_path, "kindling", "1.0", tag="cp313-cp313-win_amd64")
    added = publish_all("publish", other, "-r", "github", cwd=tmp_path, environment=environment)
    assert added.returncode == 0, added
    listed = pyoci.list_files(open_registry.host, "sep", "kindling")
    assert sorted(listed) == sorted(each.name for each in (wheel, sdist, other))


def test_jobs_publish_parts_and_one_lists_them(
    publish_all: Host, registry_with_tokens: Registry, tmp_path: Path
) -> None:
    environment = at(registry_with_tokens) | token()
    files = [make_wheel(tmp_path, "kindling", "1.0", tag=f"cp31{each}-none-any") for each in range(2)]
    for each in files:
        receipt = tmp_path / "receipts" / f"{each.name}.json"
        done = publish_all(
            "publish", each, "-r", "github", "--receipt", receipt, cwd=tmp_path, environment=environment
        )
        assert done.returncode == 0, done
    receipts = sorted((tmp_path / "receipts").iterdir())
    rebuilt = tmp_path / "rebuilt"
    rebuilt.mkdir()
    other = make_wheel(rebuilt, "kindling", "1.0", tag="cp310-none-any", size=300)
    options = ("-r", "github", "--receipt", rebuilt / "receipt.json")
    publish_all("publish", other, *options, cwd=tmp_path, environment=environment, check=True)
    conflict = publish_all(
        "finalize", "-r", "github", *receipts, rebuilt / "receipt.json", cwd=tmp_path, environment=environment
    )
    assert conflict.returncode == 6, conflict

    done = publish_all("finalize", "-r", "github", *receipts, cwd=tmp_path, environment=environment)
    assert done.returncode == 0, done
    after = publish_all(
        "list", "kindling", "--format", "json", cwd=tmp_path, environment=environment, check=True
    )
    assert sorted(row["file"] for row in as_json(after)) == sorted(each.name for each in files)

    elsewhere = publish_all(
        "finalize", *receipts, cwd=tmp_path, environment=at(registry_with_tokens, "other") | token()
    )
    assert elsewhere.returncode == 2, elsewhere


@pytest.mark.chaos
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("writers", [2, 8])
def test_no_file_is_lost_among_many_writers(
    writers: int, publish_all: Host, open_registry: Registry, tmp_path: Path
) -> None:
    script = Path(__file__).with_name("oci_writer.py")
    url = f"http://{open_registry.host}/sep"
    command = [sys.executable, str(script), url, str(tmp_path)]
    jobs = [
        subprocess.Popen([*command, str(each), str(ROUNDS)], env=dict(publish_all.environment))
        for each in range(writers)
    ]
    assert [job.wait(timeout=1000) for job in jobs] == [0] * writers

    receipts = sorted(tmp_path.glob("*.json"))
    assert len(receipts) == writers * ROUNDS
    done = publish_all(
        "finalize", "-r", "github", *receipts, cwd=tmp_path, environment=at(open_registry), timeout=600
    )
    assert done.returncode == 0, done
    listed = pyoci.list_files(open_registry.host, "sep", "kindling")
    assert len(listed) == writers * ROUNDS
    assert all(hashlib.sha256(each.content).hexdigest() == each.sha256 for each in listed.values())


@pytest.mark.timeout(600)
def test_everything_is_listed_although_the_network_fails(open_registry: Registry, tmp_path: Path) -> None:
    for seed in range(5000, 5000 + SEEDS):
        folder = tmp_path / str(seed)
        folder.mkdir()
        name = f"kindling-{seed}"
        files = [make_sdist(folder, name, "1.0")]
        files += [make_wheel(folder, name, "1.0", tag=f"cp31{each}-none-any") for each in range(3)]
        with chaos_proxy(f"http://{open_registry.host}/", seed=seed, rate=0.3) as proxy:
            url = {"PUBLISH_ALL_REPOSITORIES_GITHUB_URL": f"{proxy.origin}/sep"}
            runtime = Runtime(environment=url, home=folder)
            connection = ConnectionOptions(repositories=("github",), runtime=runtime, timeout=5)
            result = publish(PublishOptions(directory=folder, files=tuple(files), connection=connection))
        assert result.exit_code == 0, f"seed {seed}, {dict(proxy.faults)}: {result}"
        listed = pyoci.list_files(open_registry.host, "sep", name)
        assert {name: each.sha256 for name, each in listed.items()} == sha256s(folder)
