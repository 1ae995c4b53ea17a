"""PA4xx and PA5xx: what repositories answer, and the way to them."""

from __future__ import annotations

from catalogue_world.public_index import Answer, Form, token
from catalogue_world.world import NAME, Case, World

HTML = "text/html"


def corp(world: World, more: str = "", **stated: str) -> None:
    world.corp_project(more, **stated)
    world.corp_user()


def corp_at(url: str):
    return lambda world: corp(world, url=url)


def corp_says(status: int, text: str, content_type: str = "text/plain"):
    """The company's index answers every upload so."""

    def change(world: World) -> None:
        corp(world)
        world.corp.post = lambda path: Answer(status, text, content_type)

    return change


def corp_is_well(world: World) -> None:
    world.corp.post = lambda path: None


def refuses(status: int, text: str, when=lambda form, world: True):
    """PyPI refuses what is like that, in these words."""

    def change(world: World) -> None:
        def refuse(form: Form) -> tuple[int, str] | None:
            return (status, text) if when(form, world) else None

        world.pypi.refuse = refuse

    return change


OLD_WHEEL = "kindling_demo-1.0-py2-none-any.whl"
OTHER_RELEASE = "kindling_demo-0.9-py3-none-any.whl"


def state(status: str, reason: str = ""):
    """PyPI has the project, without files, in this state."""

    def change(world: World) -> None:
        world.pypi.held.setdefault(NAME, {})
        world.pypi.states[NAME] = (status, reason)

    return change


def new_version(world: World) -> None:
    world.project(version="1.1")
    world.release(version="1.1")


def deleted(filename: str):
    return refuses(
        400,
        "This filename was previously used by a file that has since been deleted. Use a different version. See "
        "https://pypi.org/help/#file-name-reuse for more information.",
        lambda form, world: form.filename == filename,
    )


def has_other_bytes(world: World) -> None:
    world.pypi.has(NAME, world.a_wheel.name, "1" * 64, "2" * 64)


def has_our_bytes(world: World) -> None:
    path = world.a_wheel
    world.pypi.has(NAME, path.name, world.sha256(path), world.blake2(path))


def has_our_bytes_elsewhere(world: World) -> None:
    path = world.a_wheel
    world.pypi.has(NAME, path.name.replace("1.0", "0.9"), world.sha256(path), world.blake2(path))


def named(name: str):
    def change(world: World) -> None:
        world.project(name=name)
        world.release(name=name, package="kindling_demo")

    return change


def header(headers: str):
    return lambda world: world.release(headers=headers)


def index_not_stated(world: World, *, hidden: bool) -> None:
    """No `index-url`; with `hidden` nothing of the usual places has an index."""
    table = '[tool.publish-all.repositories.corp]\nurl = "https://corp.example/legacy/"\n'
    world.project(to='["corp"]', more=table)
    world.corp_user()
    world.corp.get = lambda path: Answer(404, "nothing here", HTML) if hidden else None
    if not hidden:
        world.corp.has("other", "other-1.0.tar.gz")


def index_stated(world: World) -> None:
    corp(world)
    world.corp.get = lambda path: None


def index_answers(status: int):
    def change(world: World) -> None:
        corp(world)
        world.verify_timeout = 0.1
        world.corp.get = lambda path: Answer(status, "no") if path.startswith("/simple") else None

    return change


def shelf(world: World, *, is_file: bool) -> None:
    """A static index in a folder, which is a file."""
    path = world.folder / "shelf"
    if is_file:
        path.write_text("a file\n")
    table = f'[tool.publish-all.repositories.shelf]\nkind = "directory"\nurl = "{path}"\n'
    world.project(to='["shelf"]', more=table)


def skips_other_bytes(world: World) -> None:
    has_other_bytes(world)
    world.skip_existing = True


def lists_late(world: World) -> None:
    world.pypi.silent = True
    world.verify_timeout = 0.2


def lists_now(world: World) -> None:
    world.pypi.silent = False
    world.pypi.held.update(world.pypi.late)


def in_other_hands(world: World, theirs: str) -> None:
    world.release(headers="Project-URL: Source, https://github.com/sep/kindling-demo\n")
    world.pypi.has(NAME, "kindling_demo-0.1.tar.gz")
    world.pypi.links[NAME] = {"Homepage": theirs}


def distrusts(world: World) -> None:
    world.trusts = False


def trusts(world: World) -> None:
    world.trusts = True


def proxy(world: World, name: str) -> None:
    world.environment[name] = "http://127.0.0.1:9"


def pypi_refuses(code: str, text: str) -> Case:
    """PyPI refuses all files in these words, until it does not."""
    return Case(
        code=code,
        break_it=refuses(400, text),
        next_step=lambda w: setattr(w.pypi, "refuse", lambda form: None),
        lookalike=has_our_bytes,
        exits=1,
        says=text[:20],
    )


def corp_refuses(code: str, status: int, text: str, *, exits: int = 1) -> Case:
    """The company's index does, also an empty upload, so that doctor sees it."""
    return Case(
        code=code, break_it=corp_says(status, text), next_step=corp_is_well, lookalike=corp, exits=exits
    )


CASES = (
    Case(
        code="PA401",
        break_it=lambda w: w.give_token(token(about="deleted"), valid=False),
        next_step=lambda w: w.give_token(token(about="new")),
        lookalike=lambda w: w.give_token(token(about="another")),
        exits=3,
        says="Invalid or non-existent authentication information",
    ),
    corp_refuses("PA403", 403, "The user 'dev' isn't allowed to upload to project 'kindling-demo'.", exits=3),
    Case(
        code="PA404",
        break_it=refuses(
            403,
            "Invalid API Token: project-scoped token is not valid for project: 'kindling-demo'",
            lambda form, world: form.password != token(about="for all"),
        ),
        next_step=lambda w: w.give_token(token(about="for all")),
        lookalike=lambda w: w.give_token(token("pypi.org", [1, [NAME]])),
        exits=3,
    ),
    corp_refuses(
        "PA405",
        403,
        "Username/Password authentication is no longer supported. Migrate to API Tokens",
        exits=3,
    ),
    corp_refuses("PA406", 403, "User 'dev' does not have a verified primary email address."),
    corp_refuses("PA407", 403, "Read-only mode: Uploads are temporarily disabled."),
    Case(
        code="PA410",
        break_it=has_other_bytes,
        next_step=new_version,
        lookalike=has_our_bytes,
        exits=6,
    ),
    Case(
        code="PA412",
        break_it=deleted("kindling_demo-1.0-py3-none-any.whl"),
        next_step=new_version,
        lookalike=deleted("kindling_demo-0.9-py3-none-any.whl"),
        exits=1,
    ),
    Case(
        code="PA413",
        break_it=has_our_bytes_elsewhere,
        next_step=lambda w: (w.no_files(), w.sdist()),
        lookalike=has_our_bytes,
        exits=1,
    ),
    Case(
        code="PA414",
        break_it=lambda w: w.pypi.has(NAME, OLD_WHEEL, days=15),
        next_step=new_version,
        lookalike=lambda w: (w.pypi.has(NAME, OLD_WHEEL, days=11), w.pypi.has(NAME, OTHER_RELEASE, days=99)),
        exits=4,
        says="no longer accepts files",
    ),
    Case(
        code="PA415",
        break_it=refuses(
            400,
            "Only one sdist may be uploaded per release.",
            lambda form, world: form.first("filetype") == "sdist",
        ),
        next_step=lambda w: (w.no_files(), w.wheel()),
        lookalike=lambda w: w.pypi.has(NAME, "kindling_demo-0.9.tar.gz"),
        exits=5,
    ),
    Case(
        code="PA416",
        break_it=lambda w: w.pypi.has(NAME, OLD_WHEEL, yanked="broken"),
        next_step=new_version,
        lookalike=lambda w: w.pypi.has(NAME, OTHER_RELEASE, yanked=True),
    ),
    Case(
        code="PA420",
        break_it=named("asyncio"),
        next_step=named("asyncio-demo"),
        lookalike=named("async-io-demo"),
        exits=1,
    ),
    Case(
        code="PA421",
        break_it=lambda w: w.pypi.has("kindlingdemo", "kindlingdemo-1.0.tar.gz"),
        next_step=named("sparks-demo"),
        lookalike=lambda w: w.pypi.has("kindling-demos", "kindling_demos-1.0.tar.gz"),
        exits=1,
    ),
    Case(
        code="PA422",
        break_it=lambda w: (
            w.in_job(),
            refuses(
                400,
                "Non-user identities cannot create new projects. This was probably caused by successfully using a "
                "pending publisher but specifying the project name incorrectly",
                lambda form, world: form.password in world.pypi.minted,
            )(w),
        ),
        next_step=lambda w: (w.leave_job(), w.give_token(token())),
        lookalike=lambda w: w.in_job(),
        exits=1,
    ),
    Case(
        code="PA424",
        break_it=lambda w: in_other_hands(w, "https://github.com/somebody/else"),
        next_step=named("kindling-demo-of-sep"),
        lookalike=lambda w: in_other_hands(w, "https://github.com/sep/kindling-demo/issues"),
    ),
    pypi_refuses("PA430", "File too large. Limit for project 'kindling-demo' is 100 MB."),
    pypi_refuses("PA431", "The digest supplied does not match a digest calculated from the uploaded file."),
    pypi_refuses("PA432", "invalid name or version"),
    pypi_refuses(
        "PA433",
        "Invalid value for classifiers. Error: Classifier 'Typing :: Typed' is not a valid classifier.",
    ),
    pypi_refuses(
        "PA434", "The description failed to render for 'text/markdown'. See https://pypi.org/help/ for more."
    ),
    pypi_refuses("PA435", "The use of local versions in '1.0+abc' is not allowed."),
    pypi_refuses("PA436", "Can't have direct dependency: 'rich @ https://files.example/rich.whl'"),
    pypi_refuses(
        "PA437",
        "Filename 'kindling_demo-1.0.tar.gz' should contain the normalized project name 'kindlingdemo'.",
    ),
    pypi_refuses("PA438", "Binary wheel has an unsupported platform tag 'manylinux_2_99_x86_64'."),
    pypi_refuses("PA439", "Invalid distribution file. ZIP archive not accepted: Trailing data"),
    Case(
        code="PA425",
        break_it=state("archived", "moved"),
        next_step=state("active"),
        lookalike=state("active", "it was archived"),
        exits=4,
        says="archived on pypi (moved)",
    ),
    Case(
        code="PA426",
        break_it=state("quarantined", "malware"),
        next_step=state("active"),
        lookalike=state("active", "it was quarantined"),
        exits=4,
        says="malware",
    ),
    Case(
        code="PA427",
        break_it=state("deprecated", "use another"),
        next_step=state("active"),
        lookalike=state("active"),
    ),
    Case(
        code="PA428",
        break_it=lambda w: w.pypi.has(NAME, OTHER_RELEASE, size=int(9.5 * 1024**3)),
        next_step=lambda w: w.pypi.held[NAME].pop(OTHER_RELEASE),
        lookalike=lambda w: w.pypi.has(NAME, OTHER_RELEASE, size=int(8.9 * 1024**3)),
    ),
    Case(
        code="PA440",
        break_it=lambda w: (
            corp(w, url="https://corp.example/legacy"),
            setattr(
                w.corp,
                "post",
                lambda path: Answer(308, headers={"Location": "/legacy/"}) if path == "/legacy" else None,
            ),
        ),
        next_step=corp,
        lookalike=corp,
        exits=1,
        says="another URL",
    ),
    Case(
        code="PA441",
        break_it=corp_at("https://corp.example/simple/"),
        next_step=corp,
        lookalike=corp_at("https://corp.example/legacy/"),
        exits=4,
    ),
    Case(
        code="PA442",
        break_it=corp_at("https://corp.example/legcy/"),
        next_step=corp,
        lookalike=corp,
        exits=1,
    ),
    Case(
        code="PA443",
        break_it=corp_at("https://upload.pkg.github.com/sep/demo/"),
        next_step=lambda w: (
            w.project(to='["github"]', more='[tool.publish-all.repositories.github]\nowner = "sep"\n'),
            w.environment.update(GITHUB_TOKEN="ghp_good"),
        ),
        lookalike=lambda w: (
            w.project(to='["github"]', more='[tool.publish-all.repositories.github]\nowner = "sep"\n'),
            w.environment.update(GITHUB_TOKEN="ghp_good"),
        ),
        exits=4,
    ),
    corp_refuses("PA444", 405, "Repository is read-only: pypi-proxy"),
    Case(
        code="PA445",
        break_it=lambda w: (
            w.corp_project(),
            setattr(w, "verify_timeout", 0.1),
            setattr(w.corp, "open", True),
            setattr(w.corp, "post", lambda path: Answer(200, "Hello", "text/plain")),
            setattr(w.corp, "get", lambda path: Answer(403)),
        ),
        next_step=lambda w: (
            setattr(w.corp, "post", lambda path: None),
            setattr(w.corp, "get", lambda path: None),
        ),
        lookalike=lambda w: (w.corp_project(), setattr(w.corp, "open", True)),
    ),
    pypi_refuses(
        "PA446",
        "Invalid attestations supplied during upload: Attestations are only supported when using Trusted Publishing",
    ),
    pypi_refuses("PA449", "The moon is full."),
    Case(
        code="PA450",
        break_it=lambda w: index_not_stated(w, hidden=True),
        next_step=index_stated,
        lookalike=index_stated,
    ),
    Case(
        code="PA452",
        break_it=index_answers(403),
        next_step=lambda w: setattr(w.corp, "get", lambda path: None),
        lookalike=lambda w: (w.corp_project(), setattr(w.corp, "open", True)),
    ),
    Case(
        code="PA460",
        break_it=lambda w: shelf(w, is_file=True),
        next_step=lambda w: (w.folder / "shelf").unlink(),
        lookalike=lambda w: shelf(w, is_file=False),
        exits=4,
    ),
    Case(
        code="PA482",
        break_it=skips_other_bytes,
        next_step=new_version,
        lookalike=lambda w: (has_our_bytes(w), setattr(w, "skip_existing", True)),
    ),
    Case(
        code="PA483",
        break_it=lists_late,
        next_step=lists_now,
        lookalike=lambda w: setattr(w, "verify_timeout", 1.0),
        exits=5,
    ),
    Case(
        code="PA484",
        break_it=lambda w: setattr(w.pypi, "tampers", True),
        next_step=lambda w: (setattr(w.pypi, "tampers", False), w.unpublish()),
        lookalike=has_our_bytes,
        exits=5,
    ),
    Case(
        code="PA501",
        break_it=lambda w: corp(
            w, 'index-url = "https://closed.example/simple/"\n', url="https://closed.example/legacy/"
        ),
        next_step=corp,
        lookalike=corp_at("https://corp.example:443/legacy/"),
        exits=1,
    ),
    Case(
        code="PA503",
        break_it=lambda w: (corp(w), distrusts(w)),
        next_step=trusts,
        lookalike=corp,
        exits=1,
    ),
    Case(
        code="PA504",
        break_it=lambda w: corp(
            w, 'index-url = "https://crop.example/simple/"\n', url="https://crop.example/legacy/"
        ),
        next_step=corp,
        lookalike=corp,
        exits=1,
    ),
    Case(
        code="PA520",
        break_it=lambda w: proxy(w, "HTTPS_PROXY"),
        next_step=lambda w: w.environment.pop("HTTPS_PROXY"),
        lookalike=lambda w: w.environment.update(NO_PROXY="corp.example"),
    ),
    Case(
        code="PA521",
        break_it=lambda w: setattr(w.pypi, "skew", -600.0),
        next_step=lambda w: setattr(w.pypi, "skew", 0.0),
        lookalike=lambda w: setattr(w.pypi, "skew", 20.0),
    ),
)
