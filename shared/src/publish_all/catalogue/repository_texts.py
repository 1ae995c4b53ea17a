"""PA4xx: what repositories answer, and what is found in them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from publish_all.catalogue.entry import Sight, Text

_PYPI = "PyPI's server, observed (summer 2026)"
_OTHERS = "the servers' own replies, collected in tests/shared/repositories/test_replies.py"
_SIMPLE = "PEP 503, PEP 691"
_ONLY_UPLOADS = "The repository says so only when it is sent the file."
_RACE = "It happens between the look at the file and its upload."
_AFTER = "It is seen only after an upload."
_FETCHED = "doctor fetches nothing."
_REPLIES = "tests/shared/repositories/test_replies.py"


def _upload(means: str, next_step: str, source: str = _PYPI, *, test: str = "") -> Text:
    """What only the answer to an upload tells."""
    return Text(
        means=means,
        next_step=next_step,
        source=source,
        sight=Sight.PUBLISH,
        unseen=_ONLY_UPLOADS,
        test=test,
    )


TEXTS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "PA401": Text(
            means="`403 Invalid or non-existent authentication information`, or 401: the token or password is wrong, "
            "deleted, or of another index.",
            next_step="Make a new token on this very index, and set it in the place that the message names.",
            source=_PYPI,
        ),
        "PA403": Text(
            means="The repository knows the user, who may not upload there. On PyPI: the project is somebody else's. "
            "pypiserver says the same to a wrong password.",
            next_step="Ask an owner to make you a maintainer; if the project is not yours, choose another name.",
            source=_PYPI,
        ),
        "PA404": _upload(
            "`project-scoped token is not valid for project`: the token is for other projects.",
            "Set the project's own token as PUBLISH_ALL_<REPOSITORY>_TOKEN_FOR_<PROJECT>, or use one for all projects.",
        ),
        "PA405": Text(
            means="`Username/Password authentication is no longer supported`.",
            next_step="Make an API token, and use it with the user name __token__.",
            source=_PYPI,
        ),
        "PA406": Text(
            means="The account has no verified primary e-mail address, or no two-factor authentication.",
            next_step="Log in at the index, and do what its account settings ask for.",
            source=_PYPI,
        ),
        "PA407": Text(
            means="`Read-only mode`, or new projects are switched off for a while.",
            next_step="See https://status.python.org, and run again later.",
            source=_PYPI,
        ),
        "PA408": Text(
            means="A credential that was found for one host would be sent to another.",
            next_step="Give a credential for this repository.",
            source="RFC 7617: credentials are for the server that they were made for",
            test="tests/shared/repositories/test_legacy.py",
        ),
        "PA410": Text(
            means="`File already exists`, `409`: a file of this name is in the repository, and its content is another.",
            next_step="Release a new version. --skip-existing keeps the file that is there.",
            source=_PYPI,
        ),
        "PA411": _upload(
            "The repository says that a file of this name is there, and its index does not tell its hash.",
            "Release a new version, or compare the files by hand and use --skip-existing.",
            _OTHERS,
            test=_REPLIES,
        ),
        "PA412": _upload(
            "`This filename was previously used by a file that has since been deleted`.",
            "Release a new version; a deleted file's name is gone for good.",
        ),
        "PA413": _upload(
            "These very bytes are in the repository under another file name.",
            "Leave the file out: it was renamed, or built twice under two names.",
        ),
        "PA414": _upload(
            "`Uploading new files to releases older than 14 days is not allowed`.",
            "Release a new version with all its files.",
        ),
        "PA415": _upload(
            "`Only one sdist may be uploaded per release`.",
            "Leave the second sdist out, or release a new version.",
        ),
        "PA420": Text(
            means="The project does not exist yet, and its name is prohibited, or that of a module of the standard library.",
            next_step="Choose another name: `name` in [project], or of the build variant.",
            source=_PYPI,
        ),
        "PA421": Text(
            means="The project does not exist yet, and its name looks like that of one that does: `-`, `_` and `.` do not "
            "count, nor does the difference of 1, l and i, or of 0 and o.",
            next_step="Choose another name; if the other project is yours, publish under its name.",
            source=_PYPI,
        ),
        "PA422": _upload(
            "`Non-user identities cannot create new projects`: the job's publisher belongs to another project.",
            "Register a pending publisher for exactly this project, or make the first release with a token.",
        ),
        "PA423": _upload(
            "`Too many new projects created`: 20 an hour for a user, 40 for an address.",
            "Run again in an hour; what is done is not done twice.",
            test=_REPLIES,
        ),
        "PA424": Text(
            means="There is a project of this name, and the links on its page share nothing with ours.",
            next_step="Look at its page. If it is somebody else's, choose another name; if it is yours, all is well.",
            source="the JSON API: https://docs.pypi.org/api/json/",
            sight=Sight.DOCTOR,
        ),
        "PA430": _upload(
            "`File too large`, or 413 from a proxy before the repository.",
            "Make it smaller, or raise the limit of the index, the server, or the proxy.",
        ),
        "PA431": _upload(
            "`The digest supplied does not match`.",
            "Run again; if it stays, something on the way changes what it passes on.",
        ),
        "PA432": _upload(
            "The repository does not accept a field of the metadata, which its answer names.",
            "Correct the field, and build again.",
            _OTHERS,
        ),
        "PA433": _upload(
            "`… is not a valid classifier`: it is newer than the repository's list.",
            "Leave the classifier out, and build again.",
        ),
        "PA434": _upload(
            "`The description failed to render`: the repository's renderer is another one than ours.",
            "Simplify the readme, or state its real content type; build again.",
        ),
        "PA435": _upload(
            "`The use of local versions … is not allowed`.",
            'Set `local = "none"` in [tool.publish-all.version], and build again.',
        ),
        "PA436": _upload(
            "`Can't have direct dependency`.",
            "Depend on a released version instead of a URL, and build again.",
        ),
        "PA437": _upload(
            "`Filename … should contain the normalized project name`, or another version.",
            "Build again with a current build backend; do not rename built files.",
        ),
        "PA438": _upload(
            "`… has an unsupported platform tag`.",
            "Build a manylinux or musllinux wheel: cibuildwheel and auditwheel do.",
        ),
        "PA439": _upload(
            "`Invalid distribution file`.", "Build it again; look into it with `publish-all check`."
        ),
        "PA440": Text(
            means="The repository answers the upload with another address, most often the same one with a slash.",
            next_step="State the address that is named as the `url`, if you trust it.",
            source="RFC 9110, 15.4; PyPI answers 308 to /legacy",
        ),
        "PA441": Text(
            means="The URL ends in /simple/ or is pypi.org itself: packages are installed from there.",
            next_step="State the upload URL as `url`, and this one as `index-url`.",
            source=_SIMPLE,
        ),
        "PA442": Text(
            means="404 or 405: nothing there understands an upload.",
            next_step="See the documentation of the server for its upload URL, and the path for a typing error.",
            source=_OTHERS,
        ),
        "PA443": Text(
            means="The URL is one of pkg.github.com, where there is nothing for Python.",
            next_step="Publish with `-r github`: the files go to GitHub's container registry, and pip installs them by "
            "`publish-all exec` or `serve`.",
            source="GitHub's list of registries: https://docs.github.com/packages/working-with-a-github-packages-registry",
        ),
        "PA444": Text(
            means="The repository is a mirror, a proxy, or a group of others.",
            next_step="Upload to the hosted (local) repository behind it.",
            source=_OTHERS,
        ),
        "PA445": Text(
            means="An empty upload was answered with success, or with a server error.",
            next_step="If uploads fail, see whether the URL is the one to upload to.",
            source=_OTHERS,
        ),
        "PA446": _upload(
            "`Invalid attestations supplied during upload`.",
            'Publish by the job that signs, with trusted publishing; or set `attestations = "never"`.',
        ),
        "PA447": Text(
            means="The upload is answered with a web page and a status of success, as single sign-on does for every address.",
            next_step="Correct the URL; use a network or a credential that gets past the login page.",
            source=_OTHERS,
            test=_REPLIES,
        ),
        "PA449": _upload(
            "The repository refuses the file, in words of its own.",
            "Do what its words say.",
            _OTHERS,
        ),
        "PA450": Text(
            means="None of the usual places below the upload URL has a simple index.",
            next_step="State `index-url` of the repository.",
            source=_SIMPLE,
        ),
        "PA451": Text(
            means="The index lists a file without a hash.",
            next_step="Nothing, if the server can't do better; --no-verify leaves the comparison out.",
            source=_SIMPLE,
            sight=Sight.PUBLISH,
            unseen=_AFTER,
            test="tests/shared/repositories/test_unhashed_findings.py",
        ),
        "PA452": Text(
            means="The index answers 401 or 403 to the credential that uploads use.",
            next_step="Give that user the right to read, or state another credential.",
            source=_SIMPLE,
        ),
        "PA453": Text(
            means="What is asked for by `download` or `publish --from` is not in the repository.",
            next_step="Ask for a version that it has; the message names some. If it has none at all, see the name, the "
            "owner, and whether the credential may read it.",
            source=_SIMPLE,
            sight=Sight.OTHERS,
            unseen="doctor looks for the files that would be uploaded, not for others.",
            test="tests/shared/repositories/test_fetch.py",
        ),
        "PA454": Text(
            means="publish --from, and a rehearsal: the index lists a file without a sha256, or sends other bytes than it "
            "lists.",
            next_step="Take the file from an index that states hashes; where bytes differ, ask who runs the index.",
            source=_SIMPLE,
            sight=Sight.PUBLISH,
            unseen=_FETCHED,
            test="tests/shared/repositories/test_fetch.py",
        ),
        "PA455": Text(
            means="The index lists the file with its hash, and answers 404 for the file itself.",
            next_step="Run the publish again, which uploads the file again.",
            source=_SIMPLE,
            sight=Sight.PUBLISH,
            unseen=_AFTER,
            test="tests/shared/repositories/test_legacy.py",
        ),
        "PA460": Text(
            means="The folder of a static index is no folder, or can't be written.",
            next_step="State another folder as `url`, or give yourself the right to write there.",
            source="the file system",
        ),
        "PA461": Text(
            means="Another process holds the lock of the folder.",
            next_step="Wait for it, and run again.",
            source="the lock file in the folder",
            sight=Sight.PUBLISH,
            unseen=_RACE,
            test="tests/shared/repositories/test_directory.py",
        ),
        "PA462": Text(
            means="The file was changed after it was read and checked.",
            next_step="Build again, and run again; let nothing write to the folder meanwhile.",
            source="the file's sha256",
            sight=Sight.PUBLISH,
            unseen=_RACE,
            test="tests/shared/repositories/test_directory.py",
        ),
        "PA482": Text(
            means="With --skip-existing: the repository has other bytes under this name, and keeps them.",
            next_step="If the new content matters, release a new version.",
            source="the index's sha256",
        ),
        "PA483": Text(
            means="The upload was accepted, and the index does not list the file within the time of --verify-timeout. pip "
            "then says `Could not find a version that satisfies the requirement`. The exit code is 5.",
            next_step="Wait some minutes, and run again: it looks first, and uploads only what is missing.",
            source=_SIMPLE,
            sight=Sight.PUBLISH,
            unseen=_AFTER,
        ),
        "PA484": Text(
            means="The index lists the uploaded file with a sha256 that is not ours.",
            next_step="Find out who else uploads there; do not let anybody install the release before.",
            source=_SIMPLE,
            sight=Sight.PUBLISH,
            unseen=_AFTER,
        ),
        "PA485": Text(
            means="All files are uploaded, and the step that shows them to readers failed.",
            next_step="Run again: nothing is uploaded twice.",
            source="the two steps of OCI registries and static indexes",
            sight=Sight.PUBLISH,
            unseen=_AFTER,
            test="tests/shared/upload/test_execute.py",
        ),
        "PA486": Text(
            means="A file can't be read any more.",
            next_step="Build again, and run again.",
            source="the file system",
            sight=Sight.PUBLISH,
            unseen=_RACE,
            test="tests/shared/upload/test_upload_findings.py",
        ),
        "PA487": Text(
            means="Something unexpected ended the upload.",
            next_step="Run again with -vvv, and report what it says.",
            source="publish-all itself",
            sight=Sight.PUBLISH,
            unseen=_ONLY_UPLOADS,
            test="tests/shared/upload/test_upload_findings.py",
        ),
        "PA488": Text(
            means="The file is listed, and it or a part of it was deleted: by a clean-up job, mostly.",
            next_step="Publish the same files again; exclude the package from clean-up jobs.",
            source=_SIMPLE,
            test="tests/shared/upload/test_preflight.py",
        ),
        "PA489": Text(
            means="The disk of the journal is full, or may not be written any more, in the middle of a publish.",
            next_step="Make room, then run again: the repositories are asked what they have.",
            source="publish-all itself",
            sight=Sight.PUBLISH,
            unseen=_ONLY_UPLOADS,
            test="tests/shared/upload/test_execute.py",
        ),
    }
)
