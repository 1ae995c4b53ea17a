import pytest

from publish_all.builders.variables import for_installers, for_project_code, not_passed

SECRET = "s3cr3t-0f-7h3-pr0j3c7"


def passed(environment, *admitted):
    """The variables of `environment` that project code gets."""
    return environment.keys() & for_project_code(environment, admitted).environment.keys()


@pytest.mark.parametrize(
    "name",
    [
        *(
            "PATH",
            "HOME",
            "TMPDIR",
            "LANG",
            "LC_ALL",
            "TZ",
            "XDG_CACHE_HOME",
            "SystemRoot",
            "ProgramFiles(x86)",
        ),
        *(
            "CC",
            "CXX",
            "CFLAGS",
            "LDFLAGS",
            "CPPFLAGS",
            "CFLAGS_x86_64_unknown_linux_gnu",
            "CMAKE_ARGS",
            "NINJA",
        ),
        *("CMAKE_GENERATOR", "SKBUILD_CMAKE_ARGS", "PKG_CONFIG_PATH", "PKG_CONFIG_SYSROOT_DIR", "MESON_ARGS"),
        *("SETUPTOOLS_SCM_PRETEND_VERSION", "SETUPTOOLS_SCM_PRETEND_VERSION_FOR_DEMO", "SOURCE_DATE_EPOCH"),
        *(
            "HATCH_BUILD_HOOKS_ENABLE",
            "PDM_BUILD_SCM_VERSION",
            "POETRY_DYNAMIC_VERSIONING_BYPASS",
            "PBR_VERSION",
        ),
        *(
            "MATURIN_PEP517_ARGS",
            "CARGO_HOME",
            "CARGO_BUILD_TARGET",
            "RUSTFLAGS",
            "RUSTUP_HOME",
            "PYO3_PYTHON",
        ),
        *(
            "MACOSX_DEPLOYMENT_TARGET",
            "ARCHFLAGS",
            "SDKROOT",
            "_PYTHON_HOST_PLATFORM",
            "VSINSTALLDIR",
            "INCLUDE",
        ),
        *(
            "HTTPS_PROXY",
            "https_proxy",
            "no_proxy",
            "SSL_CERT_FILE",
            "REQUESTS_CA_BUNDLE",
            "CARGO_HTTP_CAINFO",
        ),
        *(
            "CI",
            "GITHUB_ACTIONS",
            "GITHUB_SHA",
            "GITHUB_REF_NAME",
            "CI_COMMIT_TAG",
            "CIBUILDWHEEL",
            "READTHEDOCS",
        ),
        *("CONDA_PREFIX", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHASHSEED", "CUDA_HOME", "TORCH_CUDA_ARCH_LIST"),
        *(
            "DEMO_NO_EXTENSIONS",
            "LIBPQ_INCLUDE_DIR",
            "PUBLISH_ALL_VERSION_FOR_DEMO",
            "MAX_JOBS",
            "OPENSSL_DIR",
        ),
    ],
)
def test_builds_get_what_they_are_known_to_read(name):
    assert passed({name: "1.0"}) == {name}


@pytest.mark.parametrize("name", ["DEMO_FLAVOUR", "KUBECONFIG", "DBUS_SESSION_BUS_ADDRESS", "SSH_AUTH_SOCK"])
def test_other_variables_are_for_projects_that_name_them(name):
    assert passed({name: "/run/x"}) == set()
    assert passed({name: "/run/x"}, name) == {name}
    assert passed({name: "/run/x", "OTHER": "x"}, f"{name[:5]}*") == {name}


@pytest.mark.parametrize(
    "name",
    [
        *(
            "PYPI_TOKEN",
            "CARGO_REGISTRIES_CORP_TOKEN",
            "MATURIN_PASSWORD",
            "AWS_SECRET_ACCESS_KEY",
            "GHTOKEN",
        ),
        *(
            "DB_PASS",
            "MYSQL_PWD",
            "PYPI_PW",
            "SIGNING_KEY",
            "SSH_KEY_2",
            "NPM_AUTH",
            "GH_PAT",
            "CI_JOB_JWT_V2",
        ),
        *(
            "DOCKER_AUTH_CONFIG",
            "BEARER",
            "GIT_CREDENTIALS",
            "apiKey",
            "UV_INDEX_CORP_USERNAME",
            "PGPASSFILE",
        ),
        *(
            "GITHUB_ENV",
            "GITHUB_PATH",
            "GITHUB_OUTPUT",
            "ACTIONS_RUNTIME_URL",
            "ACTIONS_ID_TOKEN_REQUEST_URL",
        ),
    ],
)
def test_no_project_can_admit_a_variable_that_is_named_like_a_credential(name):
    assert passed({name: "x"}, name, "A*", "G*") == set()


@pytest.mark.parametrize(
    "value",
    [
        f"https://me:{SECRET}@corp.example/simple/",
        f"https://{SECRET}@corp.example/simple/",
        f"corp=https://me:{SECRET}@corp.example/simple/ https://pypi.org/simple/",
        f"https://me:a/{SECRET}@corp.example/",
        f"ssh://me:{SECRET}@corp.example/x",
        f"https://corp.example/simple/?token={SECRET}",
        f"host=db password={SECRET}",
        f'{{"auths": {{"ghcr.io": {{"auth": "{SECRET}"}}}}}}',
        f"Authorization: Basic {SECRET}",
        "-----BEGIN OPENSSH PRIVATE KEY-----\\nb3BlbnNzaC1rZXktdjEA",
        "LS0tLS1CRUdJTiBPUEVOU1NIIFBSSVZBVEUgS0VZ",
        "glpat-" + "Ab3dEf6hIj9lMn2pQr5t",
        "ghp_" + "a1B2c3D4e5F6" * 3,
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJyZXBvIn0.c2lnbmF0dXJl",
        f"-DKEY={SECRET}",
    ],
)
@pytest.mark.parametrize("name", ["CMAKE_ARGS", "PIP_INDEX_URL", "DEMO_X"])
def test_a_value_with_a_credential_is_never_passed(name, value):
    given = {name: value, "DEMO_TOKEN": SECRET, "PATH": "/usr/bin"}
    assert passed(given, "DEMO_*") == {"PATH"}
    assert for_project_code(given, ["DEMO_*"]).dropped == tuple(sorted({name, "DEMO_TOKEN"}))


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "all_proxy"])
def test_a_proxy_with_a_login_is_not_passed_whatever_its_form(name):
    assert passed({name: f"me:{SECRET}@proxy:3128"}) == set()
    assert passed({name: "proxy:3128"}) == {name}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PATH", "/opt/homebrew/opt/openssl@3/bin:/usr/bin"),
        ("LDFLAGS", "-Wl,-rpath,@loader_path/../lib -L/opt/icu4c@77/lib"),
        ("PIP_EXTRA_INDEX_URL", "https://corp.example:8080/simple/@stable"),
        ("CARGO_REGISTRIES_CORP_INDEX", "ssh://git@corp.example/index.git"),
        ("CMAKE_ARGS", "-DUSE_TOKENIZER=ON -DWITH_KEYRING=1"),
        ("CI_COMMIT_MESSAGE", "Rotate the token: see SECURITY.md"),
    ],
)
def test_values_that_only_look_like_logins_are_passed(name, value):
    assert passed({name: value, "A_TOKEN": "short", "B_KEY": "/opt/homebrew/opt", "C_KEY": "two words"}) == {
        name
    }


def test_what_is_not_passed_is_told_by_name():
    assert for_project_code({"PATH": "p", "B_TOKEN": "t", "A": "1", "EMPTY": "", "GIT_DIR": "g"}).dropped == (
        "A",
        "B_TOKEN",
        "GIT_DIR",
    )
    assert "A, B_TOKEN. If one of them is needed" in not_passed(["A", "B_TOKEN"])
    assert not_passed([]) == ""


def test_git_is_held_to_what_a_build_may_use_of_it():
    given = {"GIT_DIR": "g", "GIT_CONFIG_GLOBAL": "c", "GIT_ASKPASS": "a", "GIT_CONFIG_COUNT": "1"}
    safe = {"GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "/work"}
    got = for_project_code(given | safe, ["GIT_*"]).environment
    assert got["GIT_CONFIG_GLOBAL"] == "c"
    assert got["GIT_CONFIG_VALUE_0"] == "/work"
    assert not got.keys() & {"GIT_DIR", "GIT_ASKPASS"}


def test_installers_keep_what_indexes_need_and_no_other_secret():
    kept = {
        "PATH": "p",
        "PIP_INDEX_URL": "https://user:password@corp.example/simple",
        "PIP_KEYRING_PROVIDER": "subprocess",
        "UV_INDEX": "corp=https://corp.example/simple",
        "UV_INDEX_CORP_USERNAME": "me",
        "UV_INDEX_CORP_PASSWORD": "of-the-index",
        "UV_DEFAULT_INDEX": "https://corp.example/simple",
        "UV_EXTRA_INDEX_URL": "https://me:pw@other.example/simple",
        "NETRC": "n",
        "HTTPS_PROXY": "http://me:pw@proxy.example",
        "SSH_AUTH_SOCK": "/run/agent",
    }
    dropped = {
        "PUBLISH_ALL_PYPI_TOKEN": "t",
        "PUBLISH_ALL_PYPI_TOKEN_FOR_DEMO": "t",
        "POETRY_PYPI_TOKEN_PYPI": "t",
        "POETRY_HTTP_BASIC_CORP_PASSWORD": "t",
        "TWINE_PASSWORD": "t",
        "HATCH_INDEX_AUTH": "t",
        "UV_PUBLISH_TOKEN": "t",
        "UV_PUBLISH_PASSWORD": "t",
        "GITHUB_TOKEN": "t",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "t",
        "DATABASE_URL": "postgres://me:pw@db",
        "GIT_DIR": "g",
    }
    given = for_installers(kept | dropped)
    assert {name: value for name, value in given.items() if not name.startswith("GIT_")} == kept
    assert not given.keys() & {"GIT_DIR", "GIT_NO_LAZY_FETCH"}
    assert for_installers({"DEMO_A": "1", "OTHER": "1"}, ["DEMO_*"]).keys() & {"DEMO_A", "OTHER"} == {
        "DEMO_A"
    }
