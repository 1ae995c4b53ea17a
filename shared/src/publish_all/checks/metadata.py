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

from publish_all.checks.audience import Audience
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
from publish_all.distributions.distribution import Distribution
from publish_all.distributions.metadata import knows_licence_files
from publish_all.findings import Finding

_MAX_FILE = 100 * 1024 * 1024
_MAX_SUMMARY = 512
_MAX_LABEL = 32
_PRIVATE_CLASSIFIER = "Private :: "


def check_metadata(distribution: Distribution, audience: Audience) -> Iterator[Finding]:
    """The headers follow the core metadata specification, by `packaging`'s own validation.

    A version that `packaging` does not know yet is a note: the specification asks tools to accept newer minor
    versions (https://packaging.python.org/specifications/core-metadata/#metadata-version).
    """
    del audience
    newer = False
    try:
        Metadata.from_email(distribution.core_metadata, validate=True)
    except ExceptionGroup as group:
        newer = any(_is_newer_version(distribution, error) for error in group.exceptions)
        for error in group.exceptions:
            of_newer = newer and (_is_newer_version(distribution, error) or _is_unknown_field(error))
            if not of_newer and not _is_early_licence_file(distribution, error):
                yield _invalid(distribution, error)
    except InvalidMetadata as error:
        yield _invalid(distribution, error)
    if newer:
        yield NEWER_METADATA.found(
            f"metadata version {distribution.header('Metadata-Version')} is newer than the installed packaging "
            f"{packaging.__version__} knows",
            where=distribution.filename,
            hint="Upgrade packaging in the environment of publish-all to check all fields.",
        )


def _is_newer_version(distribution: Distribution, error: Exception) -> bool:
    """Whether this is the error about a version 2.N. `packaging` knows all from 2.1 up to its newest."""
    stated = distribution.header("Metadata-Version") or ""
    about_version = isinstance(error, InvalidMetadata) and error.field == "metadata-version"
    return about_version and re.fullmatch(r"2\.[1-9]\d*", stated.strip()) is not None


def _is_unknown_field(error: Exception) -> bool:
    return "unrecognized field" in str(error)


def _is_early_licence_file(distribution: Distribution, error: Exception) -> bool:
    """`License-File` in metadata before 2.4, which setuptools wrote for years and which is not uploaded."""
    early = not knows_licence_files(distribution.metadata)
    return early and isinstance(error, InvalidMetadata) and error.field == "license-file"


def _invalid(distribution: Distribution, error: Exception) -> Finding:
    return INVALID_METADATA.found(
        str(error), where=distribution.filename, hint="Correct that field in pyproject.toml and build again."
    )


def check_readme(distribution: Distribution, audience: Audience) -> Iterator[Finding]:
    """The description renders, by the very library that PyPI uses."""
    del audience
    if not distribution.description.strip():
        yield NO_README.found(
            "there is no description", where=distribution.filename, hint="State `readme` in pyproject.toml."
        )
        return
    message = Message()
    message["content-type"] = distribution.header("Description-Content-Type") or "text/x-rst"
    kind = message.get_content_type()
    if kind == "text/plain":
        return
    problem = _readme_problem(distribution.description, kind, str(message.get_param("variant") or "GFM"))
    if problem is not None:
        yield README_DOES_NOT_RENDER.found(
            f"the description does not render as {kind}" + (f": {problem}" if problem else ""),
            where=distribution.filename,
            hint="Correct the readme, or state its content type (text/markdown, text/x-rst, text/plain).",
        )


@lru_cache(maxsize=32)
def _readme_problem(description: str, kind: str, variant: str) -> str | None:
    """What is wrong with a description, None if nothing is. The files of a release have the same one."""
    problems = io.StringIO()
    if kind == "text/x-rst":
        from readme_renderer import rst

        rendered = rst.render(description, stream=problems)
    elif kind == "text/markdown":
        from readme_renderer import markdown

        rendered = markdown.render(description, variant=variant)
    else:
        problems.write(f"the content type is {kind!r}")
        rendered = None
    return " ".join(problems.getvalue().split()) if rendered is None else None


def check_classifiers(distribution: Distribution, audience: Audience) -> Iterator[Finding]:
    """Classifiers are in the list that PyPI publishes as `trove-classifiers`."""
    stated = distribution.metadata.get("Classifier", ())
    if not stated or not audience.public:
        return
    from trove_classifiers import classifiers, deprecated_classifiers

    for each in stated:
        if (
            each not in classifiers
            and each not in deprecated_classifiers
            and not each.startswith(_PRIVATE_CLASSIFIER)
        ):
            yield UNKNOWN_CLASSIFIER.found(
                f"{each!r} is not a classifier",
                where=distribution.filename,
                hint="See https://pypi.org/classifiers/ for the list.",
            )


def check_for_public_indexes(distribution: Distribution, audience: Audience) -> Iterator[Finding]:
    """What public indexes refuse for good: private projects, local versions, direct references, sizes."""
    where = distribution.filename
    if distribution.version.local is not None and not audience.local_versions:
        yield LOCAL_VERSION.found(
            f"{distribution.version} has the local part '+{distribution.version.local}'",
            where=where,
            hint="It comes from `local-version` of a build variant (keep that to private indexes with "
            "its `publish-to`) or from `local` in [tool.publish-all.version].",
        )
    if not audience.public:
        return
    classifiers = distribution.metadata.get("Classifier", ())
    if audience.private or any(each.startswith(_PRIVATE_CLASSIFIER) for each in classifiers):
        yield PRIVATE_PROJECT.found(
            f"{distribution.name} is private, {audience.names} is public",
            where=where,
            hint="Publish to another repository with -r, or take `private` (or the classifier) out.",
        )
    summary = distribution.header("Summary") or ""
    if len(summary) > _MAX_SUMMARY:
        yield SUMMARY_TOO_LONG.found(
            f"the summary has {len(summary)} characters, at most {_MAX_SUMMARY} are allowed",
            where=where,
            hint="Shorten `description` in pyproject.toml.",
        )
    if distribution.size > _MAX_FILE:
        yield FILE_TOO_LARGE.found(
            f"the file has {distribution.size / (1 << 20):.0f} MiB",
            where=where,
            hint="Ask PyPI to raise the project's limit before you publish, or ship less.",
        )
    yield from _direct_dependencies(distribution, audience)
    yield from _names_and_labels(distribution, audience)


def _names_and_labels(distribution: Distribution, audience: Audience) -> Iterator[Finding]:
    """What Warehouse refuses beyond the specifications: `Filename … should contain the normalized project name`."""
    stem = distribution.filename.split("-", 1)[0]
    normal = distribution.project.replace("-", "_")
    if stem != normal:
        yield FILENAME_NOT_NORMALISED.found(
            f"{audience.names} will want {normal!r} in place of {stem!r} in the file's name",
            where=distribution.filename,
            hint="Build it with a newer version of the build backend.",
        )
    for entry in distribution.metadata.get("Project-URL", ()):
        label = entry.partition(",")[0].strip()
        if len(label) > _MAX_LABEL:
            yield URL_LABEL_TOO_LONG.found(
                f"the label {label!r} of a project URL has {len(label)} characters",
                where=distribution.filename,
                hint=f"Shorten it in [project.urls] to {_MAX_LABEL}.",
            )


def check_path_dependencies(distribution: Distribution, audience: Audience) -> Iterator[Finding]:
    """No requirement is a path on the machine that built the file, wherever it goes.

    Poetry writes a path dependency as `core @ file:///home/me/core` (https://github.com/python-poetry/poetry/issues/5495),
    older ones as `core @ ../core`; Hatch resolves `{root:uri}` to such a URL.
    """
    del audience
    for text, url in _references(distribution):
        if _is_path(url):
            yield PATH_DEPENDENCY.found(
                f"the dependency {text!r} is a path on the machine that built the file",
                where=distribution.filename,
                hint="Depend on a release by name and version, such as `name>=1.0`. A build variant replaces "
                "a dependency of the project with `extend-dependencies`.",
            )


_PATH = re.compile(r"(?:file:|[./\\~$%{]|[a-z]:[/\\]|[^:]*$)", re.IGNORECASE)
"""A `file:` URL, a relative or absolute path, one that begins with a variable or a drive, or a text without a scheme."""


def _is_path(url: str) -> bool:
    return _PATH.match(re.sub(r"^(?:git|hg|svn|bzr)\+", "", url.strip())) is not None


def _references(distribution: Distribution) -> Iterator[tuple[str, str]]:
    """Each requirement that is a direct reference, with its URL. The metadata check finds those that are invalid."""
    for text in distribution.metadata.get("Requires-Dist", ()):
        try:
            url = Requirement(text).url
        except InvalidRequirement:
            continue
        if url is not None:
            yield text, url


def _direct_dependencies(distribution: Distribution, audience: Audience) -> Iterator[Finding]:
    for text, url in _references(distribution):
        if not _is_path(url):
            yield DIRECT_DEPENDENCY.found(
                f"{audience.names} will refuse the direct reference {text!r}",
                where=distribution.filename,
                hint="Depend on a release by name and version.",
            )
