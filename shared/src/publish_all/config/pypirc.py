"""Reads the `.pypirc` file: https://packaging.python.org/specifications/pypirc/."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from types import MappingProxyType

from publish_all._values import dataclass
from publish_all.errors import ConfigurationError

DEFAULT_URLS: Mapping[str, str] = MappingProxyType(
    {"pypi": "https://upload.pypi.org/legacy/", "testpypi": "https://test.pypi.org/legacy/"}
)
"""The sections that need not state a URL."""

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """One section; `password` may be empty, None is not stated. `stated` says that the section has the URL itself."""

    section: str
    url: str
    stated: bool = True
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_cert: str | None = None
    client_cert: str | None = None


def read_pypirc(path: Path) -> tuple[Server, ...]:
    """The sections which state or imply a URL; none where there is no file.

    `[server-login]` holds user name and password for the servers of `index-servers` that state none, as
    distutils had it and twine reads it. Raises `ConfigurationError`, without the text of the file.
    """
    from configparser import Error, RawConfigParser

    parser = RawConfigParser(strict=False)
    try:
        text = _text(path)
        if text is None:
            return ()
        parser.read_string(text)
    except Error as error:
        # Its message may quote a line of the file, which may be a password.
        msg = f"{path} is not an INI file ({type(error).__name__})"
        raise ConfigurationError(msg) from None

    def stated(section: str, key: str) -> str | None:
        return parser.get(section, key, fallback=None)

    listed = (stated("distutils", "index-servers") or "pypi testpypi").split()
    sections = dict.fromkeys((*parser.sections(), *(each for each in listed if each in DEFAULT_URLS)))
    found = []
    for section in sections:
        own = (stated(section, "repository") or "").strip()
        url = own or DEFAULT_URLS.get(section)
        if section in {"distutils", "server-login"} or not url:
            continue
        login = "server-login" if section in listed else section
        username = stated(section, "username") or stated(login, "username")
        password = stated(section, "password")
        found.append(
            Server(
                section=section,
                url=url,
                stated=bool(own),
                username=username or None,
                password=stated(login, "password") if password is None else password,
                ca_cert=stated(section, "ca_cert") or None,
                client_cert=stated(section, "client_cert") or None,
            )
        )
    return tuple(found)


def _text(path: Path) -> str | None:
    """The file's text: UTF-8, or what its byte order mark says, since editors and shells of Windows write one."""
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise ConfigurationError(msg) from error
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        msg = f"{path} cannot be read: line {line} is not {encoding.removesuffix('-sig').upper()}"
        raise ConfigurationError(msg, hint="Save the file as UTF-8.") from None
