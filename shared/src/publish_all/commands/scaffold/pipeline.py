"""The pipeline of a release: its publish jobs, their YAML, and the steps for the user on web pages. No I/O."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from publish_all.commands.scaffold.choices import Login, Service, Trigger
from publish_all.config.model import EMPTY

PUBLIC = ("pypi", "testpypi")
"""The repositories with trusted publishing and pending publishers."""

EVERYTHING = "all of them"
MANIFEST = "publish-all-manifest.json"
"""The list of files and their hashes, which the build job passes to the publish jobs."""

OWN_TOKEN = ("github", "releases")
"""The repositories for which the own token of a job on GitHub is enough."""

TITLES = {"pypi": "PyPI", "testpypi": "TestPyPI", "github": "GitHub Packages", "releases": "GitHub releases"}
NEW_PROJECTS = (
    "# Each new project on PyPI needs its own pending publisher, which needs its own environment.\n"
    "# Once the projects exist, one job with one environment is enough: init --existing-projects."
)
_HOSTS = {"pypi": "pypi.org", "testpypi": "test.pypi.org"}
_UNKNOWN = "(yours)"


class Product(NamedTuple):
    """One distribution that a release publishes; `variant` is None for the project itself.

    `publish_to` narrows the destinations, as the variant does; None where it does not. `member` is the member of a
    workspace that it is of.
    """

    variant: str | None
    project: str
    publish_to: tuple[str, ...] | None = None
    member: str | None = None

    def goes_to(self, repository: str) -> bool:
        """Whether it is published to a repository. Everything for PyPI also goes to the rehearsal."""
        narrowed = self.publish_to
        return narrowed is None or repository in narrowed or (repository == "testpypi" and "pypi" in narrowed)


class Pipeline(NamedTuple):
    """The jobs of a CI service for a release.

    `publish_to` are the destinations in order, without folders of this machine. `subfolder`
    is the project's folder in the repository, empty for its root. `separate` gives each new project of
    a public index its own job and environment, which pending publishers need. `requirement`
    installs publish-all from the folder `wheels`, or from an index if empty. A public index with an entry in `logins`
    uses that secret instead of the identity of the job. `environments` are names by destination.
    `copies` are commands that come before each build. `pages` puts a static index on GitHub Pages. `member_prefixes`
    are the prefixes of the tags of workspace members, if each has its own.
    """

    publish_to: tuple[str, ...]
    products: tuple[Product, ...]
    subfolder: str = ""
    triggers: tuple[Trigger, ...] = (Trigger.RELEASE,)
    tag_prefix: str = "v"
    tests: tuple[str, ...] = ()
    rehearse: bool = False
    split: bool = True
    separate: bool = False
    requirement: str = "publish-all[cli]"
    wheels: str = ""
    dist_dir: str = "dist"
    logins: Mapping[str, Login] = EMPTY
    environments: Mapping[str, str] = EMPTY
    copies: tuple[str, ...] = ()
    pages: bool = False
    member_prefixes: tuple[str, ...] = ()

    @property
    def whole(self) -> str:
        """The option of commands that are for all members of a workspace."""
        return " --all" if any(each.member for each in self.products) else ""

    @property
    def site_of(self) -> str | None:
        """The destination whose files a static index lists; None where there is none that it can."""
        return next((each for each in ("releases", "github") if each in self.publish_to), None)

    def find_links(self, checkout: str) -> dict[str, str]:
        """The variables with which uv and pip find our wheels; `checkout` is what CI calls the repository's root."""
        place = self.wheels if Path(self.wheels).is_absolute() else f"{checkout}/{self.wheels}"
        return {"UV_FIND_LINKS": place, "PIP_FIND_LINKS": place} if self.wheels else {}

    @property
    def folder(self) -> str:
        """Where the files are built, as seen from the repository's root."""
        return f"{self.subfolder}/{self.dist_dir}" if self.subfolder else self.dist_dir

    @property
    def destinations(self) -> tuple[str, ...]:
        """All destinations in order, the rehearsal first."""
        return tuple(dict.fromkeys([*(["testpypi"] if self.rehearses else []), *self.publish_to]))

    @property
    def rehearses(self) -> bool:
        return self.rehearse and "pypi" in self.publish_to

    @property
    def trusted(self) -> tuple[str, ...]:
        """The destinations that a job of this pipeline can publish to with its identity."""
        return tuple(each for each in self.destinations if each in PUBLIC and each not in self.logins)

    def login(self, repository: str) -> Login:
        """The secret of a destination that has no trusted publishing, or where a person wants to do without it."""
        return self.logins.get(repository) or Login(f"{token_variable(repository)}_TOKEN")

    @property
    def choices(self) -> tuple[str, ...]:
        """What a person who starts it by hand may choose from."""
        return (*self.destinations, *([EVERYTHING] if len(self.destinations) > 1 else []))

    @property
    def tag_prefixes(self) -> tuple[str, ...]:
        """What version tags may begin with: with the prefixes `v` and none, the v is optional."""
        if self.member_prefixes:
            return self.member_prefixes
        return ("v", "") if self.tag_prefix in {"v", ""} else (self.tag_prefix,)

    def products_of(self, repository: str) -> tuple[Product, ...]:
        """The products of a destination."""
        return tuple(each for each in self.products if each.goes_to(repository))

    def _separates(self, repository: str) -> bool:
        return self.separate and repository in self.trusted and len(self.products_of(repository)) > 1

    def environment(self, repository: str, project: str) -> str:
        """The CI environment that a project is published to a repository from."""
        name = self.environments.get(repository, repository)
        return f"{name}-{project}" if self._separates(repository) else name

    def jobs(self, repository: str) -> Iterator[PublishJob]:
        """The jobs that publish to a destination: one, or one for each product."""
        key = "".join(each if each.isalnum() and each.isascii() else "-" for each in repository)
        if repository not in (*PUBLIC, *OWN_TOKEN):  # it may be the name of another job, or a word of GitLab
            key = f"to-{key}"
        products = self.products_of(repository)
        if not self._separates(repository):
            yield PublishJob(self, key, repository, products[0].project if len(products) == 1 else "")
            return
        for each in products:
            yield PublishJob(self, f"{key}-{each.project}", repository, each.project, each)

    @property
    def build_commands(self) -> list[str]:
        """What builds for the jobs that publish, and finds an sdist that does not build before they run."""
        return [
            *self.copies,
            self.ours(f"build{self.whole} --manifest {MANIFEST}"),
            self.ours(f"check{self.whole} --no-build --rebuild"),
        ]

    @property
    def check_commands(self) -> list[str]:
        """The same where each job that publishes builds."""
        return [*self.copies, self.ours(f"check{self.whole} --rebuild")]

    def ours(self, command: str) -> str:
        """A command of publish-all, as a shell runs it."""
        folder = f" -C {shlex.quote(self.subfolder)}" if self.subfolder else ""
        return f'uvx --from "$PUBLISH_ALL" publish-all{folder} {command}'


class PublishJob(NamedTuple):
    """A publish job: for one `project` (empty for several). `product` is set if others have their own jobs."""

    pipeline: Pipeline
    key: str
    repository: str
    project: str
    product: Product | None = None

    @property
    def commands(self) -> list[str]:
        """The commands, which use the variable `AUTH` (oidc or token)."""
        pipeline, command = self.pipeline, f"publish -r {shlex.quote(self.repository)}"
        if self.repository in PUBLIC:
            command += ' --auth "$AUTH"' if self.repository in pipeline.trusted else " --auth token"
        variant = self.product.variant if self.product is not None else None
        member = self.product.member if self.product is not None else None
        command += f" --member {shlex.quote(member)}" if member else "" if self.product else pipeline.whole
        command += f" --variant {shlex.quote(variant)}" if variant else ""
        copies = () if pipeline.split else pipeline.copies
        if self.product is None or variant or member:
            return [*copies, pipeline.ours(f"{command} --manifest {MANIFEST}" if pipeline.split else command)]
        # In a filename a version follows the first hyphen.
        files = f"{shlex.quote(pipeline.folder)}/{self.project.replace('-', '_')}-[0-9]*"
        build = [] if pipeline.split else [pipeline.ours("build")]
        return [*copies, *build, pipeline.ours(f"{command} {files}")]

    @property
    def environment(self) -> str:
        """The environment that the job runs in."""
        return self.pipeline.environment(self.repository, self.project)


def token_variable(repository: str) -> str:
    """`PUBLISH_ALL_<this>_TOKEN` is the variable of a repository's token."""
    return "".join(each if each.isalnum() and each.isascii() else "_" for each in repository).upper()


class Noted(NamedTuple):
    """A value with a comment behind it."""

    value: Any
    comment: str


# Text that means the same in YAML 1.1 and 1.2 without quotes, and contains no comment or mapping.
_PLAIN = re.compile(r"(?:[A-Za-z$/]|\./)(?!.*(?:: |:$| #|\s$)).*")
_PLAIN_IN_LIST = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "nan", "y", "n"})


def scalar(text: str, plain: re.Pattern[str] = _PLAIN) -> str:
    """A text as a YAML scalar, in quotes if necessary."""
    if plain.fullmatch(text) and text.isprintable() and text.lower() not in _WORDS:
        return text
    if text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    # The escapes of Python are those of YAML, and JSON's are not beyond 16 bits.
    return '"' + text.encode("unicode_escape").decode().replace('"', '\\"') + '"'


def yaml_lines(value: Mapping[str, Any] | list[Any]) -> Iterator[str]:
    """Nested values as YAML: a tuple on one line, a text of several lines as a block, a key that begins with `#` as it is."""
    if isinstance(value, list):
        for item in value:
            lines = list(yaml_lines(item)) if isinstance(item, dict) else [_inline(item)]
            yield from (f"{'  ' if number else '- '}{line}" for number, line in enumerate(lines))
        return
    for key, stated in value.items():
        inner, comment = stated if isinstance(stated, Noted) else (stated, "")
        behind = f" # {comment}" if comment else ""
        if key.startswith("#"):
            yield from key.splitlines()
        elif isinstance(inner, dict | list) and inner:
            yield f"{key}:{behind}"
            yield from (f"  {line}" for line in yaml_lines(inner))
        elif isinstance(inner, str) and "\n" in inner:
            # An expression of GitHub has no line end behind it.
            yield f"{key}: {'>-' if key == 'if' else '|'}{behind}"
            yield from (f"  {line}" for line in inner.splitlines())
        else:
            yield f"{key}: {_inline(inner)}{behind}"


def _inline(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case tuple():
            return "[" + ", ".join(scalar(each, _PLAIN_IN_LIST) for each in value) + "]"
        case str():
            return scalar(value)
        case _:
            return str(value)  # a number, or an empty table


class Form(NamedTuple):
    """A form on a web page: `fields` are labels and values, in the order of the page."""

    title: str
    url: str
    fields: tuple[tuple[str, str], ...] = ()
    why: str = ""


def next_steps(
    pipeline: Pipeline,
    *,
    service: Service,
    link: str | None,
    workflow: str,
    new: bool,
    there: Collection[str] = (),
) -> Iterator[Form]:
    """The forms to fill in before the first release.

    `link` is OWNER/REPOSITORY, `new` says that the projects don't exist yet. `there` are the destinations for
    which the workflow before had a secret or was trusted.
    """
    link = link or (f"{_UNKNOWN}/{_UNKNOWN}" if service is Service.GITHUB else _UNKNOWN)
    owner, _, name = link.rpartition("/")
    settings = f"https://github.com/{link}/settings"
    labels = ("Owner", "Repository name", "Workflow name")
    if service is Service.GITLAB:
        labels = ("Namespace", "Project name", "Top-level pipeline file path")
    for repository in (each for each in reversed(pipeline.trusted) if each not in there):
        for project in (each.project for each in pipeline.products_of(repository)):
            page = "account/publishing/" if new else f"project/{project}/settings/publishing/"
            kind = "a pending publisher" if new else "a trusted publisher"
            yield Form(
                f"{TITLES[repository]}: {kind} for {project}",
                f"https://{_HOSTS[repository]}/manage/{page}",
                (
                    *((("PyPI Project Name", project),) if new else ()),
                    *zip(labels, (owner or _UNKNOWN, name, workflow), strict=True),
                    ("Environment name", pipeline.environment(repository, project)),
                ),
                "It expires after 30 days. The first release uses it up." if new else "",
            )
    known = (*pipeline.trusted, *OWN_TOKEN, *there)
    with_tokens = [each for each in pipeline.destinations if each not in known]
    for repository in (each for each in with_tokens if each in PUBLIC):
        why = "The first release needs one for the whole account. Replace it afterwards." if new else ""
        page = f"https://{_HOSTS[repository]}/manage/account/token/"
        yield Form(f"{TITLES[repository]}: an API token", page, (), why)
    environments = dict.fromkeys(
        pipeline.environment(each, product.project)
        for each in pipeline.destinations
        if each not in OWN_TOKEN
        for product in pipeline.products_of(each)
    )
    if service is Service.GITHUB and environments:
        why = "Add reviewers for those of PyPI, and allow only your release tags."
        secrets = ((f"Secret of {each}", pipeline.login(each).secret) for each in with_tokens)
        fields = (*(("Environment", each) for each in environments), *secrets)
        yield Form("GitHub: the environments of the jobs", f"{settings}/environments", fields, why)
    if service is Service.GITLAB and with_tokens:
        names = ", ".join(f"PUBLISH_ALL_{token_variable(each)}_TOKEN" for each in with_tokens)
        page = f"https://gitlab.com/{link}/-/settings/ci_cd"
        yield Form(f"GitLab: protected and masked variables, {names}", page)
    if service is Service.GITHUB and pipeline.pages:
        tags = f"{min(pipeline.tag_prefixes)}*"  # an empty prefix matches all tags
        yield Form(
            "GitHub Pages: the source of the site", f"{settings}/pages", (("Source", "GitHub Actions"),)
        )
        yield Form(
            "GitHub Pages: which tags may deploy",
            f"{settings}/environments",
            (("Environment", "github-pages"), ("Allowed tags", tags)),
            "Without this, only the default branch can deploy.",
        )


def as_text(forms: Iterable[Form]) -> str:
    """Numbered, with the fields under each other."""
    parts = []
    for number, form in enumerate(forms, 1):
        width = max((len(label) for label, _ in form.fields), default=0)
        lines = [f"{number}. {form.title}", f"   {form.url}"]
        lines += [f"     {label:<{width}}  {value}" for label, value in form.fields]
        lines += [f"   {form.why}"] if form.why else []
        parts.append("\n".join(lines))
    return "\n\n".join(parts)
