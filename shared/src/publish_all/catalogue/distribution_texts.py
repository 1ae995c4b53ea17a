"""PA2xx: distributions and versions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from publish_all.catalogue.entry import Sight, Text

_WHEEL = (
    "the binary distribution format: https://packaging.python.org/specifications/binary-distribution-format/"
)
_SDIST = (
    "the source distribution format: https://packaging.python.org/specifications/source-distribution-format/"
)
_METADATA = "the core metadata: https://packaging.python.org/specifications/core-metadata/"
_PYPI = "PyPI's upload API, as its server behaves: https://docs.pypi.org/api/upload/"
_OURS = "[tool.publish-all.version] (docs/reference/version.md)"
_GIT = "git, as it describes the commit that is checked out"
_PYTHON = "the rules of Python's import system and of file systems"
_CHECKS = "tests/shared/checks/test_checks.py"

TEXTS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "PA201": Text(
            means="A wheel is no ZIP archive, or an sdist no gzipped tar archive, or it ends too early.",
            next_step="Build again; if it was fetched from somewhere, fetch it again.",
            source=_WHEEL,
        ),
        "PA202": Text(
            means="A file in a wheel is not listed in RECORD, or is listed with another hash or size.",
            next_step="Build again. Whoever changes a wheel afterwards must write RECORD anew (`wheel pack` does).",
            source=_WHEEL,
        ),
        "PA203": Text(
            means="METADATA or PKG-INFO breaks a rule of the core metadata; the message names the field.",
            next_step="Correct the field in pyproject.toml, and build again.",
            source=_METADATA,
        ),
        "PA204": Text(
            means="The readme can't be rendered in the content type that the metadata states: `The description failed "
            "to render`.",
            next_step="Repair the line that is named, or state the readme's real content type.",
            source=f"{_PYPI}; checked by readme_renderer, which PyPI uses itself",
        ),
        "PA205": Text(
            means="A classifier is not in the list of https://pypi.org/classifiers/.",
            next_step="Take it from the list, letter by letter, or leave it out.",
            source="the list of classifiers: https://pypi.org/classifiers/",
        ),
        "PA206": Text(
            means="A file has more than 100 MiB.",
            next_step="Make it smaller, or ask PyPI for a higher limit: https://docs.pypi.org/project-management/storage-limits/",
            source="https://docs.pypi.org/project-management/storage-limits/",
            test="tests/shared/checks/test_file_size.py",
        ),
        "PA207": Text(
            means="The version ends in `+something`.",
            next_step='Set `local = "none"` in [tool.publish-all.version], or publish to a private repository.',
            source="PEP 440: https://peps.python.org/pep-0440/#local-version-identifiers",
        ),
        "PA208": Text(
            means="The project has `private = true` or a classifier `Private ::`, and a public index is among its "
            "destinations.",
            next_step="Publish to a private repository (-r NAME), or take the mark away.",
            source="the configuration's model (docs/reference/configuration.md)",
        ),
        "PA209": Text(
            means="A wheel is for a platform such as linux_x86_64, which says too little about where it runs.",
            next_step="Build a manylinux or musllinux wheel: cibuildwheel and auditwheel do.",
            source=f"PEP 600, PEP 656, and {_PYPI}",
        ),
        "PA210": Text(
            means="A dependency is written as `name @ URL`.",
            next_step="Depend on a version that is on an index, or publish to a private repository.",
            source=_PYPI,
        ),
        "PA211": Text(
            means="The archive holds a file such as .env, a private key, .pypirc, or something of .git.",
            next_step="Exclude it in the build backend's configuration, and build again. If it was published before, "
            "replace the secret that it held.",
            source="the names of files in which tools keep credentials",
        ),
        "PA212": Text(
            means="A member of the archive has an absolute path, a `..` in it, or is there twice.",
            next_step="Build again with a current build backend; look at `include` and `force-include`.",
            source="PEP 427, PEP 706",
        ),
        "PA213": Text(
            means="The summary has more than one line, or more than 512 characters.",
            next_step="Shorten `description` in [project].",
            source=_PYPI,
        ),
        "PA214": Text(
            means="The file has another sha256 than the manifest says, or is gone.",
            next_step="Build again, or name the file on the command line if it is meant to be published as it is.",
            source="the manifest that the build wrote",
        ),
        "PA215": Text(
            means="The distribution has no description.",
            next_step='Add `readme = "README.md"` to [project].',
            source=_METADATA,
            sight=Sight.DOCTOR,
        ),
        "PA216": Text(
            means="There is nothing in a wheel but its metadata.",
            next_step="Look which files the build backend selects: `publish-all variants`, and its `packages` or `include`.",
            source=_WHEEL,
        ),
        "PA217": Text(
            means="Several distributions of this release install the same top-level package.",
            next_step="Say in the readmes that only one of them is to be installed in an environment.",
            source="how installers unpack wheels",
            sight=Sight.DOCTOR,
        ),
        "PA218": Text(
            means="An sdist has more than one folder at its top, files beside it, or no PKG-INFO in it.",
            next_step="Build again with a current build backend.",
            source=_SDIST,
            test="tests/shared/checks/test_member_paths.py",
        ),
        "PA219": Text(
            means="A wheel holds a link, or an sdist one that leads out of its folder.",
            next_step="Replace the link by the file that it leads to, and build again.",
            source="PEP 721, PEP 427",
            test="tests/shared/checks/test_member_paths.py",
        ),
        "PA220": Text(
            means="An sdist holds a link to another of its files.",
            next_step="Replace the link by the file that it leads to, if the project is to be built on Windows.",
            source="PEP 721",
            test="tests/shared/checks/test_member_paths.py",
        ),
        "PA221": Text(
            means="Two members have paths that are one path on Windows or macOS.",
            next_step="Rename one of them.",
            source=_PYTHON,
            test="tests/shared/checks/test_member_paths.py",
        ),
        "PA222": Text(
            means="The tags, the build number or `Root-Is-Purelib` in the WHEEL file are not those of the file's name.",
            next_step="Build again; whoever changes the tag of a wheel must use `wheel tags`.",
            source=_WHEEL,
            test="tests/shared/checks/test_wheel_file.py",
        ),
        "PA223": Text(
            means="The form that an upload would send says something else than the metadata in the file.",
            next_step="Report it with the file: both are made from the same metadata.",
            source=_PYPI,
            test="tests/shared/checks/test_form.py",
        ),
        "PA224": Text(
            means="Files of one release state different metadata.",
            next_step="Build them all from the same pyproject.toml.",
            source="PEP 643",
            test="tests/shared/checks/test_together.py",
        ),
        "PA225": Text(
            means="A file holds what has the form of a live token.",
            next_step="Revoke the token, take it out of the file, and build again.",
            source="the forms of tokens that services publish for scanners",
            test="tests/shared/checks/test_secrets.py",
        ),
        "PA226": Text(
            means="A file holds what looks like a key or a password.",
            next_step="See whether it is one; if so, replace it, take it out, and build again.",
            source="the forms of keys: PEM, and others that are known",
            test="tests/shared/checks/test_secrets.py",
        ),
        "PA227": Text(
            means="The archive holds __pycache__ or .pyc files.",
            next_step="Exclude them in the build backend's configuration.",
            source=_PYTHON,
            test="tests/shared/checks/test_contents.py",
        ),
        "PA228": Text(
            means="A wheel has files at its top that are no Python modules.",
            next_step="Move them into the package, or exclude them.",
            source=_WHEEL,
            test="tests/shared/checks/test_contents.py",
        ),
        "PA229": Text(
            means="A wheel installs `tests`, `docs`, `src` or the like at the top of site-packages.",
            next_step="Exclude it, or move it into the package.",
            source=_PYTHON,
            test="tests/shared/checks/test_contents.py",
        ),
        "PA239": Text(
            means="Earlier commits have version tags, and none of them is of this version.",
            next_step="Set the tag before or right after the publish: `publish-all version --release VERSION` does all of it.",
            source=_GIT,
            sight=Sight.DOCTOR,
        ),
        "PA240": Text(
            means="A folder in a wheel can't be imported.",
            next_step="Rename it, or leave it if it holds data only.",
            source=_PYTHON,
            test="tests/shared/checks/test_contents.py",
        ),
        "PA241": Text(
            means="Several files of an archive have the same content.",
            next_step="See whether one of them is there by accident.",
            source="the members' hashes",
            test="tests/shared/checks/test_contents.py",
        ),
        "PA242": Text(
            means="With --rebuild: the sdist builds to a wheel with other files than the one beside it.",
            next_step="See what the sdist lacks: files that git ignores, or that are made before the build.",
            source="PEP 517",
            sight=Sight.CHECK,
            test="tests/shared/commands/test_rebuild.py",
        ),
        "PA243": Text(
            means="With --rebuild: there is no sdist, or no wheel that it should build to.",
            next_step="Build both.",
            source="PEP 517",
            sight=Sight.CHECK,
            test="tests/shared/commands/test_rebuild.py",
        ),
        "PA244": Text(
            means="Two build variants came out the same, but for their names.",
            next_step="See their configuration: `publish-all config`.",
            source="the configuration of build variants (docs/how-to/variants.md)",
            sight=Sight.CHECK,
            test="tests/shared/checks/test_check_variants.py",
        ),
        "PA245": Text(
            means="Two build variants differ in a file that their configuration does not name.",
            next_step="Build all variants again, from one state of the tree.",
            source="the configuration of build variants (docs/how-to/variants.md)",
            sight=Sight.CHECK,
            test="tests/shared/checks/test_check_variants.py",
        ),
        "PA246": Text(
            means="A file's name has the project's name in another form than the normalised one.",
            next_step="Build again with a current build backend.",
            source="PEP 625, PEP 427",
            test=_CHECKS,
        ),
        "PA247": Text(
            means="A label of [project.urls] has more than 32 characters.",
            next_step="Shorten it.",
            source=_PYPI,
            test=_CHECKS,
        ),
        "PA248": Text(
            means="A wheel installs more than one name at the top of site-packages.",
            next_step="Nothing, if that is meant.",
            source=_PYTHON,
            test="tests/shared/checks/test_contents.py",
        ),
        "PA260": Text(
            means="A dependency of the project or of one of its extras is a path or a `file:` URL.",
            next_step="Depend on a release by name and version, and publish that one, too. Where a tool resolves "
            "a path for development, state it there: `[tool.uv.sources]`, or a dependency group of Poetry.",
            source="PEP 508; https://github.com/python-poetry/poetry/issues/5495",
            test=_CHECKS,
        ),
        "PA261": Text(
            means="A wheel has Python modules that are not in the sdist of the same release, and a build of the sdist "
            "cannot make them.",
            next_step="Include them in the sdist in the build backend's configuration. `publish-all check --rebuild` "
            "builds the sdist and compares all files.",
            source="PEP 517: the sdist is what a wheel is built from",
            test="tests/shared/checks/test_together.py",
        ),
        "PA262": Text(
            means="The working tree was checked out without Git LFS, and the pointers were packed in place of the files.",
            next_step="Run `git lfs pull`, and build again. In GitHub Actions, set `lfs: true` for actions/checkout.",
            source="https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md",
            test=_CHECKS,
        ),
        "PA263": Text(
            means="An sdist stores a file as a hard link to another one: two files of the tree were one on disk.",
            next_step="Replace one of them by a copy, and build again.",
            source="https://github.com/pypa/pip/issues/12781, https://github.com/astral-sh/uv/pull/11221",
            test="tests/shared/checks/test_member_paths.py",
        ),
        "PA264": Text(
            means="The sdist of a build variant holds files which `include` or `exclude` of the variant leaves out.",
            next_step="Exclude them from the sdist in the build backend's configuration, or set `sdist = false` for "
            "the variant.",
            source="the configuration of build variants (docs/how-to/variants.md)",
            test="tests/shared/checks/test_check_variants.py",
        ),
        "PA265": Text(
            means="The build backend writes a metadata version that the installed `packaging` does not know yet.",
            next_step="Upgrade packaging in the environment of publish-all. A publish goes on without.",
            source=_METADATA,
            test=_CHECKS,
        ),
        "PA230": Text(
            means="A file of `version.sync`, or another place in which the version is written, says another one.",
            next_step="`publish-all version --sync` writes the version into all places.",
            source=_OURS,
        ),
        "PA231": Text(
            means="There are uncommitted changes, and PyPI is among the destinations.",
            next_step="Commit them, or allow it with --allow-dirty.",
            source=_GIT,
        ),
        "PA232": Text(
            means="HEAD has a version tag, and the version that would be published is another one.",
            next_step="Check out the tag that is meant, or set a tag for this version.",
            source=_GIT,
        ),
        "PA233": Text(
            means="The tag of this version names one commit here and another one on the remote.",
            next_step="See which one is right; `git fetch --tags --force` takes those of the remote.",
            source=_GIT,
        ),
        "PA234": Text(
            means="The tag of this version is not on the remote yet.",
            next_step="git push origin TAG",
            source=_GIT,
        ),
        "PA235": Text(
            means="The git remote did not answer.",
            next_step="See whether `git ls-remote` works; a publish goes on without.",
            source=_GIT,
        ),
        "PA236": Text(
            means="Nothing says the version: no static version, no tag, no readable `__version__`.",
            next_step="Follow the hint: state the version, set a tag, or name the file that holds it.",
            source=_OURS,
        ),
        "PA237": Text(
            means="The clone has only its last commits, and no version tag among them. GitHub Actions clone so unless "
            "they are told otherwise.",
            next_step="Run `git fetch --unshallow --tags`; in a workflow add `fetch-depth: 0` to actions/checkout.",
            source=_GIT,
        ),
        "PA238": Text(
            means="The version is counted from the commits after the last tag.",
            next_step="To release, set a tag: `publish-all version --release 1.2.3`.",
            source=_OURS,
            sight=Sight.DOCTOR,
        ),
    }
)
