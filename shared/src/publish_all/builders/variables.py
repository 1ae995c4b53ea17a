"""The environment variables that project code gets: those that builds are known to read, and no credentials.

Build backends, build hooks and `before-publish` run code that a pull request can change. So a variable passes
only if its name is known or the project admits it, and neither its name nor its value is that of a credential.
"""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from publish_all._git import SYSTEM, worker_environment
from publish_all._token_shapes import TOKEN_SHAPES

# The system, the shell and the interpreter.
_SYSTEM = """
    ALLUSERSPROFILE COMMONPROGRAM* COMPUTERNAME DRIVERDATA NUMBER_OF_PROCESSORS OS PROCESSOR_* PROGRAMFILES*
    PROGRAMW6432 PUBLIC USERDOMAIN* MSYS* MINGW* CHERE_INVOKING ORIGINAL_PATH
    LANG LANGUAGE LC_* TZ TERM TERM_PROGRAM* COLORTERM COLUMNS LINES NO_COLOR FORCE_COLOR CLICOLOR* LS_COLORS
    SHELL SHLVL PS1 _ PWD OLDPWD HOSTNAME HOSTTYPE MACHTYPE OSTYPE MAIL EDITOR VISUAL PAGER DISPLAY
    XDG_* SUDO_USER SUDO_GID DEBIAN_FRONTEND
    LD_* DYLD_* LIBPATH SHLIB_PATH MALLOC_* GLIBC_TUNABLES
    SDKROOT *_DEPLOYMENT_TARGET ARCHFLAGS __CF_USER_TEXT_ENCODING XPC_* COMMAND_MODE
    NIX_* IN_NIX_SHELL HOMEBREW_*
    PYTHON* _PYTHON_* __PYVENV_LAUNCHER__ VIRTUAL_ENV* CONDA_* MAMBA_* PIXI_* PYENV_* TCL_LIBRARY TK_LIBRARY
    OMP_* OPENBLAS_* MKL_* VECLIB_*
"""
# Networks: without a login, see `_has_login`.
_NETWORK = """
    HTTP_PROXY HTTPS_PROXY ALL_PROXY FTP_PROXY NO_PROXY SSL_CERT_* REQUESTS_CA_BUNDLE CURL_CA_BUNDLE
    NODE_EXTRA_CA_CERTS
"""
# Versions and dates for builds, and the tools of Python projects.
# https://setuptools-scm.readthedocs.io/en/latest/overrides/, https://hatch.pypa.io/latest/config/build/
_PYTHON_TOOLS = """
    SOURCE_DATE_EPOCH *_PRETEND_VERSION* SETUPTOOLS_* DISTUTILS_* SETUP_* VCS_VERSIONING_* PBR_* VERSIONEER_*
    *_VERSIONING_BYPASS *_DYNAMIC_VERSIONING_* HATCH_BUILD_* HATCH_VERBOSE HATCH_QUIET HATCH_ENV* HATCH_DATA_DIR
    HATCH_CACHE_DIR HATCHLING_* FLIT_* PDM_BUILD_* PDM_IGNORE_* PEP517_* POETRY_VIRTUALENVS_* POETRY_CACHE_DIR
    POETRY_HOME PIP_* UV UV_* TOX_* NOX* PYTEST_* COVERAGE_* HYPOTHESIS_* MYPYC_* MYPY_* PRE_COMMIT_* SKIP
    PUBLISH_ALL_VERSION* PUBLISH_ALL_BUILD
"""
# Compilers and build systems: https://mesonbuild.com/Reference-tables.html, cmake-env-variables(7),
# https://scikit-build-core.readthedocs.io/en/latest/configuration/, https://maturin.rs/environment-variables,
# https://doc.rust-lang.org/cargo/reference/environment-variables.html, https://docs.rs/cc
_COMPILERS = """
    CC CC_* CXX CXX_* CPP CXXCPP OBJC OBJCXX FC F77 F90 F95 NVCC NVCC_* HIPCC SWIFTC VALAC RC WINDRES AR AR_* AS
    LD NM NM_* RANLIB RANLIB_* STRIP OBJCOPY OBJDUMP READELF DLLTOOL LDSHARED LDCXXSHARED CCSHARED BLDSHARED
    *FLAGS *FLAGS_* LIBS OPT HOST_* TARGET_* TARGET BUILD_TYPE CROSS_COMPILE CROSS_* ARCH CPATH *INCLUDE_PATH
    *LIBRARY_PATH INCLUDE LIB CL _CL_ LINK _LINK_ VC* VS* DEVENVDIR UCRT* UNIVERSALCRT* WINDOWSSDK* WINDOWSLIB*
    FRAMEWORK* NETFX* EXTENSIONSDKDIR PLATFORM PREFERREDTOOLARCHITECTURE __DOTNET_* __VSCMD_* DISTUTILS_USE_SDK
    EXTERNAL_INCLUDE IFCPATH MSSDK
    GCC_* CLANG* LLVM_* LIBCLANG_* BINDGEN_* CCACHE_* SCCACHE_* RUSTC_WRAPPER DISTCC_* ICECC_* ZIG_* EM_* EMSDK*
    EMCC* PYODIDE* ANDROID_* NDK_*
    MAKE MAKE_* MAKELEVEL MFLAGS GNUMAKE* JOBS MAX_JOBS NINJA* CMAKE CMAKE_* CTEST_* CPACK_* SKBUILD_* MESON*
    PKG_CONFIG* PKGCONFIG* ACLOCAL_PATH AUTOCONF* AUTOMAKE* BAZEL* BAZELISK_* SCONSFLAGS CONAN_* VCPKG_*
    SWIG* CYTHON* CFFI_* PYBIND11_* NANOBIND_* NPY_* F2PY* BLAS* LAPACK* ATLAS* CUDA* CUDNN_* NCCL_* ROCM* HIP_*
    TORCH_CUDA_* BOOST_* EIGEN* OPENSSL_* HDF5_* NETCDF* GDAL_* GEOS_* PROJ_* MPI* MYSQLCLIENT_* ZLIB_* FREETYPE*
    LLVM_CONFIG PG_CONFIG MYSQL_CONFIG XML2_CONFIG XSLT_CONFIG CURL_CONFIG
    CARGO CARGO_* RUST* MATURIN_* PYO3_* GO GO_* GOOS GOARCH GOROOT GOPATH GOCACHE GOPROXY GOSUMDB GOTOOLCHAIN CGO_*
    NODE_* NPM_CONFIG_CACHE JAVA_HOME* JDK_* NVM_* VOLTA_*
    AUDITWHEEL_* CIBUILDWHEEL CIBW_* MULTIBUILD_* MACHINE
"""
# Information about the build from CI services, without files that control the next steps (GITHUB_ENV).
_CI = """
    CI CONTINUOUS_INTEGRATION BUILD_NUMBER BUILD_ID GITHUB_ACTIONS GITHUB_ACTOR GITHUB_BASE_REF GITHUB_EVENT_NAME
    GITHUB_HEAD_REF GITHUB_JOB GITHUB_REF GITHUB_REF_* GITHUB_REPOSITORY GITHUB_REPOSITORY_ID
    GITHUB_REPOSITORY_OWNER* GITHUB_RUN_* GITHUB_SERVER_URL GITHUB_API_URL GITHUB_SHA GITHUB_WORKFLOW*
    GITHUB_WORKSPACE GITHUB_TRIGGERING_ACTOR RUNNER_ARCH RUNNER_OS RUNNER_NAME RUNNER_TEMP RUNNER_TOOL_CACHE
    RUNNER_ENVIRONMENT IMAGEOS IMAGEVERSION AGENT_TOOLSDIRECTORY
    GITLAB_CI CI_COMMIT_* CI_PIPELINE_I* CI_PIPELINE_SOURCE CI_PROJECT_* CI_JOB_ID CI_JOB_NAME* CI_JOB_STAGE
    CI_MERGE_REQUEST_* CI_NODE_* CI_CONCURRENT_* CI_SERVER CI_SERVER_* CI_BUILDS_DIR CI_DEFAULT_BRANCH
    TRAVIS TRAVIS_* APPVEYOR APPVEYOR_BUILD_* APPVEYOR_REPO_* CIRCLECI CIRCLE_BRANCH CIRCLE_BUILD_NUM CIRCLE_SHA1
    CIRCLE_TAG TF_BUILD BUILD_SOURCE* BUILD_BUILD* SYSTEM_DEFAULTWORKINGDIRECTORY BUILDKITE BUILDKITE_BRANCH
    BUILDKITE_COMMIT BUILDKITE_TAG JENKINS_URL CIRRUS_CI CIRRUS_BRANCH CIRRUS_TAG DRONE READTHEDOCS READTHEDOCS_*
    CODESPACES DEVCONTAINER
"""
# Variables of a project with a name of these forms contain a path, or switch something on or off.
_FORMS = """
    *_DIR *_DIRS *_ROOT *_HOME *_PREFIX *_EXECUTABLE *_INCLUDE *_INCLUDES *_INCLUDE_DIR* *_LIB *_LIBS *_LIBRARY
    *_LIBRARIES *_LIB_DIR* *_ARGS *_NO_EXTENSIONS *_SKIP_* *_USE_* *_WITH_* *_WITHOUT_* *_ENABLE_* *_DISABLE_*
    USE_* WITH_* WITHOUT_* ENABLE_* DISABLE_* SKIP_* NO_* BUILD_WITH_* FORCE_*
"""
# Further variables that pip, uv and git need to install build requirements: logins of indexes and of proxies, and
# access to the user's keyring and SSH agent.
_OF_INSTALLERS = """
    PIP_* UV_INDEX UV_INDEX_* UV_DEFAULT_INDEX UV_EXTRA_INDEX_URL UV_FIND_LINKS UV_KEYRING_PROVIDER NETRC
    HTTP_PROXY HTTPS_PROXY ALL_PROXY SSH_AUTH_SOCK DBUS_SESSION_BUS_ADDRESS ARTIFACTS_KEYRING_*
    VSS_NUGET_EXTERNAL_FEED_ENDPOINTS
"""

_CREDENTIAL_NAME = re.compile(
    r"TOKENS?(?:[^A-Z]|$)|PASSWORD|PASSWD|PASSPHRASE|PASSFILE|SECRET|CREDENTIAL|BEARER|(?:API|ACCESS|PRIVATE|SIGNING)_?KEY"
    r"|(?:^|_)(?:KEYS?|PASS|PW|PATS?|AUTH|AUTHORIZATION|JWT|CREDS?|COOKIES?|ACCESS_KEY_ID)(?:[^A-Z]|$)"
    r"|_PWD(?:[^A-Z]|$)|_USERNAME(?:[^A-Z]|$)"
)
# Files and URLs with which a step of a CI job controls the runner, or requests tokens.
_RUNNER = re.compile(r"GITHUB_(?:ENV|PATH|OUTPUT|STATE|STEP_SUMMARY)|ACTIONS_.*|BASH_ENV")
# It contains the path of a socket, and is here so that a project can admit it.
_NO_CREDENTIAL = frozenset({"SSH_AUTH_SOCK"})

_LOGIN = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<user>[^/?#\s@]*)@", re.IGNORECASE)
# A password with a slash in it. Digits up to a slash are a port, and the @ comes from the path.
_LONG_LOGIN = re.compile(r"://[^/?#\s@:]*:(?!\d+(?:[/?#\s]|$))[^\s@]*@")
_STATED = re.compile(
    r"""(?:password|passwd|secret|token|api_?key|access_?key|signature|\bsig)["']?=["']?[^\s"'&]{4}"""
    r"""|authorization["']?\s*[:=]|"auths?"\s*:""",
    re.IGNORECASE,
)
_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY|LS0tLS1CRUdJTi")  # the second is `-----BEGIN` in base64
_JWT = re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]*")
_PATH_OR_WORDS = re.compile(r"^[/~.]|[\s\\]|^\w:")
_LEAST_LENGTH = 16
"""Shorter credentials are not searched for in other values, which may contain them by chance."""


class Passed(NamedTuple):
    """The environment of project code, and the names of the variables that it does not get."""

    environment: dict[str, str]
    dropped: tuple[str, ...]


def for_project_code(environment: Mapping[str, str], admitted: Sequence[str] = ()) -> Passed:
    """The part of this environment for project code. `admitted` are patterns of `[tool.publish-all] build-environment`.

    They admit no variable with the name or the value of a credential.
    """
    secrets = _values_of_credentials(environment)
    patterns = (*_KNOWN, *(each.upper() for each in admitted))
    passed = worker_environment(
        {
            name: value
            for name, value in environment.items()
            if _is_of_git(name) or (_is_known(name, patterns) and not _is_credential(name, value, secrets))
        }
    )
    dropped = (name for name, value in environment.items() if value and name not in passed)
    return Passed(passed, tuple(sorted(dropped)))


def not_passed(names: Sequence[str]) -> str:
    """A line for the message of a command that may have failed because it did not get these variables; or nothing."""
    if not names:
        return ""
    return (
        f"\nThese environment variables were not passed on: {', '.join(names)}. If one of them is needed, add its"
        " name to tool.publish-all.build-environment."
    )


def for_installers(environment: Mapping[str, str], admitted: Sequence[str] = ()) -> dict[str, str]:
    """The environment for pip and uv, with the logins of indexes and proxies. They run code from sdists of requirements."""
    own = {name: value for name, value in environment.items() if _is_known(name, _INSTALLERS)}
    git = {name: value for name, value in environment.items() if _is_of_git(name)}
    passed = for_project_code(environment, admitted).environment
    return worker_environment({**passed, **own, **git}, lazy_fetch=True)


def is_credential_name(name: str) -> bool:
    """Whether an environment variable of this name may hold a credential, or lead to one."""
    upper = name.upper()
    return upper not in _NO_CREDENTIAL and bool(_CREDENTIAL_NAME.search(upper) or _RUNNER.fullmatch(upper))


def holds_credential(name: str, value: str) -> bool:
    """Whether the value of a variable is or contains a credential: a login in a URL, a private key, a token."""
    if name.upper().endswith("_PROXY") and not name.upper().startswith("NO_") and "@" in value:
        return True  # curl and others accept `user:password@host` without a scheme
    if any(_is_login(each) for each in _LOGIN.finditer(value)) or _LONG_LOGIN.search(value):
        return True
    if any(each.search(value) for each in (_STATED, _KEY, _JWT)):
        return True
    content = value.encode(errors="surrogateescape")
    return any(each.find(content) is not None for each in TOKEN_SHAPES)


def _is_login(found: re.Match[str]) -> bool:
    """SSH's user name (`git@`) is not a credential: a token is only used in its place where there are no keys."""
    return bool(found["user"]) and (not found["scheme"].lower().endswith("ssh") or ":" in found["user"])


def _is_credential(name: str, value: str, secrets: Iterable[str]) -> bool:
    if is_credential_name(name) or holds_credential(name, value):
        return True
    return name.upper() not in SYSTEM and any(each in value for each in secrets)


def _values_of_credentials(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Values that must not be in another variable. Paths and sentences are not among them."""
    return tuple(
        value
        for name, value in environment.items()
        if is_credential_name(name) and len(value) >= _LEAST_LENGTH and not _PATH_OR_WORDS.search(value)
    )


_KNOWN = (*sorted(SYSTEM), *f"{_SYSTEM} {_NETWORK} {_PYTHON_TOOLS} {_COMPILERS} {_CI} {_FORMS}".split())
_INSTALLERS = tuple(_OF_INSTALLERS.split())


def _is_known(name: str, patterns: tuple[str, ...]) -> bool:
    return _compiled(patterns).fullmatch(name.upper()) is not None


@functools.cache
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(fnmatch.translate, patterns)))


def _is_of_git(name: str) -> bool:
    """Whether it is a variable of git, which `worker_environment` handles."""
    return name.upper().startswith("GIT_")
