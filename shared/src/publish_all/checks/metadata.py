"""Checks on core metadata: what PyPI looks at when a file arrives, looked at before it leaves."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from email.message import Message
from functools import lru_cache

import packaging
from packaging.metadata import ExceptionGroup, InvalidMetadata, Metadata
from packaging.requirements import InvalidRequirement, Requirement

from publish_all.checks.opened import Opened
from publish_all.diagnoses import (
    DIRECT_DEPENDENCY,
    FILE_TOO_LARGE,
    FILENAME_NOT_NORMALISED,
    INVALID_METADATA,
    LOCAL_VERSION,
    NEWER_METADATA,
    NO_README,
    PATH_DEPENDENCY,
    PRIVATE_PROJECT,
    README_DOES_NOT_RENDER,
    SUMMARY_TOO_LONG,
    UNKNOWN_CLASSIFIER,
    URL_LABEL_TOO_LONG,
)
from publish_all.distributions.core_metadata import knows_licence_files
from publish_all.findings import Finding

_MAX_FILE = 100 * 1024 * 1024
_MAX_SUMMARY = 512
_MAX_LABEL = 32
_PRIVATE_CLASSIFIER = "Private :: "
_PATH = re.compile(r"(?:(?:git|hg|svn|bzr)\+)?(?:file:|[./\\~$%{]|[a-z]:[/\\]|[^:]*$)", re.IGNORECASE)
"""A `file:` URL, a relative or absolute path, one that begins with a variable or a drive, or a text without a scheme."""


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
    newer = bool(re.fullmatch(r"2\.[1-9]\d*", version)) and any(
        _is_about(each, "metadata-version") for each in errors
    )
    # setuptools wrote `License-File` for years before metadata 2.4 defined it. It is not uploaded.
    early = not knows_licence_files(version)
    for each in errors:
        of_newer = newer and (_is_about(each, "metadata-version") or "unrecognized field" in str(each))
        if not of_newer and not (early and _is_about(each, "license-file")):
            yield opened.found(INVALID_METADATA, str(each))
    if newer:
        yield opened.found(
            NEWER_METADATA,
            f"metadata version {version} is newer than the installed packaging {packaging.__version__} knows",
        )


def _is_about(error: Exception, field: str) -> bool:
    return isinstance(error, InvalidMetadata) and error.field == field


def check_readme(opened: Opened) -> Iterator[Finding]:
    """The description renders, by the very library that PyPI uses."""
    distribution = opened.distribution
    if not distribution.description.strip():
        yield opened.found(NO_README, "there is no description")
        return
    message = Message()
    message["content-type"] = distribution.header("Description-Content-Type") or "text/x-rst"
    kind = message.get_content_type()
    problem = _readme_problem(distribution.description, kind, str(message.get_param("variant") or "GFM"))
    if problem is not None:
        yield opened.found(
            README_DOES_NOT_RENDER,
            f"the description does not render as {kind}" + (f": {problem}" if problem else ""),
        )


@lru_cache(maxsize=32)
def _readme_problem(description: str, kind: str, variant: str) -> str | None:
    """What is wrong with a description, None if nothing is. The files of a release have the same one."""
    problems = io.StringIO()
    match kind:
        case "text/plain":
            return None
        case "text/x-rst":
            from readme_renderer import rst

            rendered = rst.render(description, stream=problems)
        case "text/markdown":
            from readme_renderer import markdown

            rendered = markdown.render(description, variant=variant)
        case _:
            return f"the content type is {kind!r}"
    return " ".join(problems.getvalue().split()) if rendered is None else None


def check_classifiers(opened: Opened) -> Iterator[Finding]:
    """Classifiers are in the list that PyPI publishes as `trove-classifiers`."""
    stated = opened.distribution.metadata.get("Classifier", ())
    if not stated or not opened.public:
        return
    from trove_classifiers import classifiers, deprecated_classifiers

    for each in stated:
        if each in deprecated_classifiers:
            instead = " or ".join(deprecated_classifiers[each])
            hint = f"State {instead}." if instead else "Remove it."
            yield opened.found(UNKNOWN_CLASSIFIER, f"{each!r} is no longer a classifier", hint)
        elif each not in classifiers and not each.startswith(_PRIVATE_CLASSIFIER):
            yield opened.found(UNKNOWN_CLASSIFIER, f"{each!r} is not a classifier")


def check_for_public_indexes(opened: Opened) -> Iterator[Finding]:
    """What public indexes refuse for good: private projects, local versions, direct references, sizes."""
    distribution, indexes = opened.distribution, opened.indexes
    if not indexes:
        return
    if distribution.version.local is not None:
        yield opened.found(
            LOCAL_VERSION, f"{distribution.version} has the local part '+{distribution.version.local}'"
        )
    classifiers = distribution.metadata.get("Classifier", ())
    if opened.private or any(each.startswith(_PRIVATE_CLASSIFIER) for each in classifiers):
        yield opened.found(PRIVATE_PROJECT, f"{distribution.name} is private, {indexes} is public")
    summary = distribution.header("Summary") or ""
    if len(summary) > _MAX_SUMMARY:
        yield opened.found(
            SUMMARY_TOO_LONG, f"the summary has {len(summary)} characters, at most {_MAX_SUMMARY} are allowed"
        )
    if distribution.size > _MAX_FILE:
        yield opened.found(FILE_TOO_LARGE, f"the file has {distribution.size / (1 << 20):.0f} MiB")
    for text, url in _references(opened):
        if not _PATH.match(url):
            yield opened.found(DIRECT_DEPENDENCY, f"{indexes} will refuse the direct reference {text!r}")
    # PyPI: `Filename … should contain the normalized project name`.
    stem, normal = distribution.filename.split("-", 1)[0], distribution.project.replace("-", "_")
    if stem != normal:
        yield opened.found(
            FILENAME_NOT_NORMALISED,
            f"{indexes} will want {normal!r} in place of {stem!r} in the file's name",
        )
    for entry in distribution.metadata.get("Project-URL", ()):
        label = entry.partition(",")[0].strip()
        if len(label) > _MAX_LABEL:
            yield opened.found(
                URL_LABEL_TOO_LONG, f"the label {label!r} of a project URL has {len(label)} characters"
            )


def check_path_dependencies(opened: Opened) -> Iterator[Finding]:
    """No requirement is a path on the machine that built the file, wherever it goes.

    Poetry writes a path dependency as `core @ file:///home/me/core` (https://github.com/python-poetry/poetry/issues/5495),
    older ones as `core @ ../core`; Hatch resolves `{root:uri}` to such a URL.
    """
    for text, url in _references(opened):
        if _PATH.match(url):
            yield opened.found(
                PATH_DEPENDENCY, f"the dependency {text!r} is a path on the machine that built the file"
            )


def _references(opened: Opened) -> Iterator[tuple[str, str]]:
    """Each requirement that is a direct reference, with its URL. The metadata check finds those that are invalid."""
    for text in opened.distribution.metadata.get("Requires-Dist", ()):
        try:
            url = Requirement(text).url
        except InvalidRequirement:
            continue
        if url is not None:
            yield text, url.strip()


CHECKS = (
    check_metadata,
    check_readme,
    check_classifiers,
    check_path_dependencies,
    check_for_public_indexes,
)
