"""Checks on core metadata and names of projects: what PyPI looks at when a file arrives, looked at before it leaves.

Its own rules are those of https://github.com/pypi/warehouse, warehouse/forklift/metadata.py and legacy.py, in autumn 2026.
"""

from __future__ import annotations

import configparser
import io
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from email.message import Message
from email.utils import getaddresses
from functools import lru_cache
from urllib.parse import urlsplit

import packaging
from packaging.metadata import ExceptionGroup, InvalidMetadata, Metadata
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from publish_all import diagnoses as known
from publish_all.checks.opened import Opened, listed
from publish_all.diagnoses import Diagnosis
from publish_all.distributions.core_metadata import knows_licence_files
from publish_all.findings import Finding, Severity

_MAX_FILE = 100 * 1024 * 1024
_MAX_SUMMARY = 512
_MAX_LABEL = 32
# RFC 6761, 7686 and 8375: domains that are never those of an address.
_NO_DOMAINS = ("arpa", "invalid", "local", "localhost", "onion", "test")
_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\\\"]+@(?P<domain>(?:[^\s@.<>\[\]]+\.)+(?P<top>[^\s@.<>\[\]]+))")
_NO_SCRIPT = re.compile(r"[/\\]|^\.|^$|[\x00-\x1f]")
_PRIVATE_CLASSIFIER = "Private :: "
_PATH = re.compile(r"(?:(?:git|hg|svn|bzr)\+)?(?:file:|[./\\~$%{]|[a-z]:[/\\]|[^:]*$)", re.IGNORECASE)
"""A `file:` URL, a relative or absolute path, one that begins with a variable or a drive, or a text without a scheme."""
_ALWAYS_PROHIBITED = frozenset(
    {"requirements-txt", "rrequirements-txt", "setup-py", "pyproject-toml", "main-py"}
)
"""What people upload by mistake for `pip install -r`: https://github.com/pypi/warehouse, `project_name` of its validators."""


def check_metadata(opened: Opened) -> Iterator[Finding]:
    """The headers follow the core metadata specification, by `packaging`'s own validation.

    A version that `packaging` does not know yet is a note: the specification asks tools to accept newer minor
    versions (https://packaging.python.org/specifications/core-metadata/#metadata-version).
    """
    distribution = opened.distribution
    version = (distribution.header("Metadata-Version") or "").strip()
    errors: tuple[Exception, ...] = ()
    try:
        Metadata.from_email(distribution.core_metadata, validate=True)
    except ExceptionGroup as group:
        errors = tuple(group.exceptions)
    except InvalidMetadata as error:
        errors = (error,)
    # `packaging` knows all versions from 2.1 up to its newest.
    about_version = any(_is_about(each, "metadata-version") for each in errors)
    newer = about_version and re.fullmatch(r"2\.[1-9]\d*", version) is not None
    # setuptools wrote `License-File` for years before metadata 2.4 defined it. It is not uploaded.
    early = not knows_licence_files(version)
    for each in errors:
        of_newer = newer and (_is_about(each, "metadata-version") or "unrecognized field" in str(each))
        if not of_newer and not (early and _is_about(each, "license-file")):
            yield opened.found(Diagnosis("PA203"), str(each))
    if newer:
        message = f"metadata version {version} is newer than packaging {packaging.__version__} knows"
        yield opened.found(Diagnosis("PA265"), message)


def _is_about(error: Exception, field: str) -> bool:
    return isinstance(error, InvalidMetadata) and error.field == field


def check_readme(opened: Opened) -> Iterator[Finding]:
    """The description renders, with the library that PyPI uses."""
    distribution = opened.distribution
    if not distribution.description.strip():
        yield opened.found(Diagnosis("PA215"), "there is no description")
        return
    if not distribution.header("Description-Content-Type"):
        text = "the description has no content type, so it is read as reStructuredText"
        found = opened.found(Diagnosis("PA270"), text)
        # Many files on PyPI have none.
        yield found if opened.ours else replace(found, severity=Severity.NOTE)
    message = Message()
    message["content-type"] = distribution.header("Description-Content-Type") or "text/x-rst"
    kind = message.get_content_type()
    problem = _readme_problem(distribution.description, kind, str(message.get_param("variant") or "GFM"))
    if problem is not None:
        message_text = f"the readme does not render as {kind}: {problem}".removesuffix(": ")
        yield opened.found(Diagnosis("PA204"), message_text)


@lru_cache(maxsize=32)
def _readme_problem(description: str, kind: str, variant: str) -> str | None:
    """The problem with a description, None if there is none. The files of a release have the same description."""
    problems = io.StringIO()
    match kind:
        case "text/plain":
            return None
        case "text/x-rst":
            from readme_renderer import rst

            rendered = rst.render(description, stream=problems)
        case "text/markdown":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                from readme_renderer import markdown
            if not markdown.variants:  # Windows on ARM has no wheel of a renderer
                return None
            rendered = markdown.render(description, variant=variant)
        case _:
            return f"the content type is {kind!r}"
    return " ".join(problems.getvalue().replace("<string>:", "line ").split()) if rendered is None else None


def check_classifiers(opened: Opened) -> Iterator[Finding]:
    """Classifiers are in the list that PyPI publishes as `trove-classifiers`."""
    stated = opened.distribution.metadata.get("Classifier", ())
    if not stated:
        return
    from trove_classifiers import classifiers, deprecated_classifiers

    for each in stated:
        if each in deprecated_classifiers:
            instead = " or ".join(deprecated_classifiers[each]) or "nothing"
            message = f"{each!r} is no longer a classifier; it is replaced by {instead}"
            yield opened.found(known.UNKNOWN_CLASSIFIER, message)
        elif each not in classifiers and not each.startswith(_PRIVATE_CLASSIFIER):
            yield opened.found(known.UNKNOWN_CLASSIFIER, f"{each!r} is not a classifier")


def check_for_public_indexes(opened: Opened) -> Iterator[Finding]:
    """What public indexes refuse for good: private projects, local versions, sizes."""
    distribution, indexes = opened.distribution, opened.indexes
    if distribution.version.local is not None:
        message = f"{distribution.version} has the local part '+{distribution.version.local}'"
        yield opened.found(Diagnosis("PA207"), message)
    classifiers = distribution.metadata.get("Classifier", ())
    if opened.private or any(each.startswith(_PRIVATE_CLASSIFIER) for each in classifiers):
        yield opened.found(known.PRIVATE_PROJECT, f"{distribution.name} is private, {indexes} is public")
    summary = distribution.header("Summary") or ""
    if len(summary) > _MAX_SUMMARY:
        message = f"the summary has {len(summary)} characters, at most {_MAX_SUMMARY} are allowed"
        yield opened.found(Diagnosis("PA213"), message)
    if distribution.size > _MAX_FILE:
        yield opened.found(Diagnosis("PA206"), f"the file has {distribution.size / (1 << 20):.0f} MiB")
    # PyPI: `Filename … should contain the normalized project name`.
    stem, normal = distribution.filename.split("-", 1)[0], distribution.project.replace("-", "_")
    if stem != normal:
        message = f"{indexes} will want {normal!r} in place of {stem!r} in the file's name"
        yield opened.found(Diagnosis("PA246"), message)
    for entry in distribution.metadata.get("Project-URL", ()):
        label = entry.partition(",")[0].strip()
        if len(label) > _MAX_LABEL:
            message = f"the label {label!r} of a project URL has {len(label)} characters"
            yield opened.found(Diagnosis("PA247"), message)


def check_references(opened: Opened) -> Iterator[Finding]:
    """No requirement is a path on the machine that built the file, or a direct reference where PyPI's rules count.

    Poetry writes a path dependency as `core @ file:///home/me/core` (https://github.com/python-poetry/poetry/issues/5495),
    older ones as `core @ ../core`; Hatch resolves `{root:uri}` to such a URL.
    """
    for text in opened.distribution.metadata.get("Requires-Dist", ()):
        try:
            url = Requirement(text).url
        except InvalidRequirement:
            continue  # the metadata check finds it
        if url is not None and _PATH.match(url.strip()):
            message = f"the dependency {text!r} is a path on the machine that built the file"
            yield opened.found(Diagnosis("PA260"), message)
        elif url is not None and opened.public:
            message = f"{opened.indexes} will refuse the direct reference {text!r}"
            yield opened.found(Diagnosis("PA210"), message)


def check_metadata_for_index(opened: Opened) -> Iterator[Finding]:
    """Fields that the core metadata allows, or says nothing about, and PyPI refuses."""
    problems = [*_contacts(opened), *_urls(opened), *_licences(opened)]
    for field, entry in opened.distribution.broken_requirements("Provides-Dist", "Obsoletes-Dist"):
        problems.append(f"{field} has {entry!r}, which is not a requirement; PyPI's server answers 500 to it")
    if "entry_points.txt" in opened.texts:
        problems += _commands(opened.texts["entry_points.txt"])
    for problem in problems:
        yield opened.found(known.METADATA_NOT_TAKEN, problem)


def _contacts(opened: Opened) -> Iterator[str]:
    for field in ("Author-email", "Maintainer-email"):
        for _, address in getaddresses(opened.distribution.metadata.get(field, ())):
            found = _ADDRESS.fullmatch(address)
            if address and (found is None or found["top"].lower() in _NO_DOMAINS):
                yield f"{field} has {address!r}, which is not an e-mail address"


def _urls(opened: Opened) -> Iterator[str]:
    header = opened.distribution.header
    stated = [("Home-page", header("Home-page") or ""), ("Download-URL", header("Download-URL") or "")]
    for entry in opened.distribution.metadata.get("Project-URL", ()):
        label, comma, url = entry.partition(",")
        if not comma or not label.strip():
            yield f"Project-URL must be a label, a comma and a URL, not {entry!r}"
        else:
            stated.append((f"Project-URL {label.strip()!r}", url))
    for field, url in stated:
        if url.strip() not in {"", "UNKNOWN"} and not _is_web_address(url.strip()):
            yield f"{field} has {url.strip()!r}, which is not an http or https URL"


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and not re.search(r"\s", url)
    except ValueError:
        return False


def _licences(opened: Opened) -> Iterator[str]:
    metadata = opened.distribution.metadata
    if metadata.get("License-Expression") and any(each.strip() for each in metadata.get("License", ())):
        yield "License and License-Expression are both stated; PyPI takes only one of them"
    # PEP 639: metadata 2.4 says where they lie; before that the field is setuptools' own.
    known_field = knows_licence_files(opened.distribution.header("Metadata-Version") or "")
    stated = metadata.get("License-File", ()) if known_field and opened.readable else ()
    if not stated:
        return
    held = {each.name.removeprefix("./").partition("/")[2] for each in opened.members}
    prefix = "licenses/" if opened.is_wheel else ""
    lacking = [each for each in stated if prefix + each.strip() not in held]
    if lacking:
        yield f"License-File names files that are not in the archive: {listed(lacking)}"


def _commands(content: bytes) -> Iterator[str]:
    """entry_points.txt: https://packaging.python.org/specifications/entry-points/."""
    parser = configparser.RawConfigParser(delimiters=("=",), strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case; this is how configparser is told
    try:
        parser.read_string(content.decode())
    except (configparser.Error, UnicodeDecodeError) as error:
        yield f"entry_points.txt cannot be read: {' '.join(str(error).split())}"
        return
    for group in ("console_scripts", "gui_scripts"):
        for name in parser.options(group) if parser.has_section(group) else ():
            if _NO_SCRIPT.search(name):
                yield f"entry_points.txt has the command {name!r}, which is not a valid file name"


CHECKS = (check_metadata, check_metadata_for_index, check_readme, check_references)
FOR_PUBLIC_INDEXES = (check_classifiers, check_for_public_indexes)


# --- names


def prohibited(project: NormalizedName, *, repository: str) -> Finding | None:
    """The finding for a name that cannot be registered, None for other names."""
    of_library = {canonicalize_name(each) for each in sys.stdlib_module_names if not each.startswith("_")}
    if project in of_library:
        what = f"{project} is the name of a module of Python's standard library, which {repository} does not give away."
    elif project in _ALWAYS_PROHIBITED:
        what = f"{repository} does not give the name {project} to anybody."
    else:
        return None
    return known.NAME_NOT_ALLOWED.found(what, where=repository, hint="Choose another name for the project.")


def look_alike(one: str, other: str) -> bool:
    """Whether a public index takes two names for one: without separators, with 1, l and i alike, and 0 and o."""
    plain = [re.sub(r"[-_.]+", "", name).lower() for name in (one, other)]
    return len({name.translate(str.maketrans("1i0", "llo")) for name in plain}) == 1


def neighbours(project: NormalizedName) -> Iterator[NormalizedName]:
    """Other names that look like this one, likeliest first. Only a few of all there could be."""
    swapped = (("1", "l"), ("l", "1"), ("0", "o"), ("o", "0"))
    candidates = [
        project.replace("-", ""),
        *(project.replace(old, new) for old, new in swapped if old in project),
    ]
    for each in dict.fromkeys(canonicalize_name(candidate) for candidate in candidates):
        if each != project and look_alike(each, project):
            yield each


def too_similar(project: NormalizedName, other: NormalizedName, *, repository: str) -> Finding:
    return known.NAME_TOO_SIMILAR.found(
        f"{project} is not there yet, and {other}, which looks like it, is.",
        where=repository,
        hint=f"Choose another name; if {other} is yours, publish under that one.",
    )


def in_use(project: NormalizedName, ours: set[str], theirs: set[str], *, repository: str) -> Finding | None:
    """A finding where a project of this name is there and its links share nothing with ours.

    None where either side has no links: then nothing can be told.
    """
    own, other = set(map(_place, ours)), set(map(_place, theirs))
    if not own or not other or own & other:
        return None
    return Diagnosis("PA424").found(
        f"{project} already exists, and its links ({', '.join(sorted(theirs)[:2])}) are not those of this project.",
        where=repository,
    )


def _place(url: str) -> str:
    """Host and first two folders: where a project lives, on whichever page of it."""
    rest = re.sub(r"^[a-z+]+://(www\.)?", "", url.strip().lower()).removesuffix(".git")
    return "/".join(rest.rstrip("/").split("/")[:3])
