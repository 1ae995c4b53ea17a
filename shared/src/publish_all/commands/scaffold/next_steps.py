"""What only a person can do, on web pages: as text, with the forms filled in. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from publish_all._values import dataclass
from publish_all.commands.scaffold.choices import PUBLIC, Pipeline, Product, Service, variable

_HOSTS = {"pypi": "pypi.org", "testpypi": "test.pypi.org"}
_TITLES = {"pypi": "PyPI", "testpypi": "TestPyPI"}
UNKNOWN = "(yours)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """A form on a web page: `fields` are labels and values, in the order of the page."""

    title: str
    url: str
    fields: tuple[tuple[str, str], ...] = ()
    why: str = ""


def next_steps(
    pipeline: Pipeline, *, service: Service, link: str | None, workflow: str, new: bool
) -> tuple[Form, ...]:
    """The forms to fill in before the first release. `link` is OWNER/REPOSITORY, `new` says that the projects don't exist yet."""
    owner, _, repository = (link or f"{UNKNOWN}/{UNKNOWN}").rpartition("/")
    forms = [
        _publisher(each, product, pipeline, (service, owner, repository, workflow), new=new)
        for each in reversed(pipeline.trusted)
        for product in pipeline.products_of(each)
    ]
    return (*forms, *_environments(pipeline, service, link), *_packages(pipeline, link))


def _publisher(
    repository: str,
    product: Product,
    pipeline: Pipeline,
    where: tuple[Service, str, str, str],
    *,
    new: bool,
) -> Form:
    service, owner, name, workflow = where
    host = _HOSTS[repository]
    page = "account/publishing/" if new else f"project/{product.project}/settings/publishing/"
    project = (("PyPI Project Name", product.project),) if new else ()
    match service:
        case Service.GITHUB:
            labels = ("Owner", "Repository name", "Workflow name")
        case Service.GITLAB:
            labels = ("Namespace", "Project name", "Top-level pipeline file path")
    fields = (
        *project,
        *zip(labels, (owner, name, workflow), strict=True),
        ("Environment name", pipeline.environment(repository, product.project)),
    )
    kind = "a pending publisher" if new else "a trusted publisher"
    return Form(
        title=f"{_TITLES[repository]}: {kind} for {product.project}",
        url=f"https://{host}/manage/{page}",
        fields=fields,
        why="It expires after 30 days, and is used up by the first release." if new else "",
    )


def _environments(pipeline: Pipeline, service: Service, link: str | None) -> Iterator[Form]:
    names = tuple(dict.fromkeys(_all_environments(pipeline)))
    if not names or service is not Service.GITHUB:
        secrets = [f"PUBLISH_ALL_{variable(each)}_TOKEN" for each in _with_tokens(pipeline)]
        if service is Service.GITLAB and secrets:
            yield Form(
                title="GitLab: protected and masked variables, " + ", ".join(secrets),
                url=f"https://gitlab.com/{link or UNKNOWN}/-/settings/ci_cd",
            )
        return
    yield Form(
        title="GitHub: the environments of the jobs",
        url=f"https://github.com/{link or f'{UNKNOWN}/{UNKNOWN}'}/settings/environments",
        why="Name reviewers for those of PyPI, and allow only what you release from.",
        fields=(
            *(("Environment", each) for each in names),
            *((f"Secret of {each}", f"{variable(each)}_TOKEN") for each in _with_tokens(pipeline)),
        ),
    )


def _all_environments(pipeline: Pipeline) -> Iterable[str]:
    for repository in pipeline.destinations:
        if repository == "github":
            continue
        for product in pipeline.products_of(repository):
            yield pipeline.environment(repository, product.project)


def _with_tokens(pipeline: Pipeline) -> tuple[str, ...]:
    """The destinations without trusted publishing or a token of the job."""
    return tuple(each for each in pipeline.destinations if each not in (*PUBLIC, "github"))


def _packages(pipeline: Pipeline, link: str | None) -> Iterator[Form]:
    if "github" in pipeline.destinations:
        owner = (link or UNKNOWN).partition("/")[0]
        yield Form(
            title="GitHub Packages: who may read, after the first release",
            url=f"https://github.com/{owner}?tab=packages",
            why="New packages are private.",
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
