"""PA3xx: credentials, trusted publishing and attestations."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from publish_all.catalogue.entry import Sight, Text

_TOKENS = (
    "PyPI's tokens, which are macaroons and can be read without their key: https://pypi.org/help/#apitoken"
)
_GITHUB_TOKENS = "https://docs.github.com/packages/learn-github-packages/introduction-to-github-packages#authenticating-to-github-packages"
_TRUSTED = "https://docs.pypi.org/trusted-publishers/troubleshooting/"
_ACTIONS = "https://docs.github.com/actions/reference/security/oidc"
_CHAIN = "the places in which credentials are looked for (docs/reference/credentials.md)"
_ATTESTATIONS = "PEP 740, and https://docs.pypi.org/attestations/"
_NO_MINT = (
    "Only a mint tells, and doctor never mints: a mint uses up a pending publisher and makes the project."
)
_NO_SIGNING = "Only signing tells, which writes to a public log; doctor signs nothing."

TEXTS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "PA301": Text(
            means="The token was made on another index than the one it would be sent to: most often TestPyPI's token "
            "for PyPI, or the other way round.",
            next_step="Set a token of the right index in the place that is named, or publish with -r to the other one.",
            source=_TOKENS,
        ),
        "PA302": Text(
            means="The token holds a date until which it is valid, and that is past.",
            next_step="Make a new token, and set it in the place that is named.",
            source=_TOKENS,
        ),
        "PA303": Text(
            means="The token holds a list of projects, and the one to be published is not among them.",
            next_step="Set the project's own token as PUBLISH_ALL_<REPOSITORY>_TOKEN_FOR_<PROJECT>; a project that is new "
            "needs a token for all projects, or trusted publishing.",
            source=_TOKENS,
        ),
        "PA304": Text(
            means="A token that begins as GitHub's do would be sent to PyPI, or PyPI's to GitHub.",
            next_step="Set each token under the name of its own repository.",
            source="the prefixes of tokens: pypi-, ghp_, ghs_, github_pat_",
        ),
        "PA305": Text(
            means="A user name other than __token__ would be sent to PyPI.",
            next_step="Use __token__ as the user name, and an API token as the password.",
            source="https://pypi.org/help/#apitoken",
        ),
        "PA306": Text(
            means="The value is no API token, or only a part of one.",
            next_step="Copy the whole token, which begins with pypi-, in one line.",
            source=_TOKENS,
        ),
        "PA307": Text(
            means="No place had a credential for this repository; the message lists where it was looked.",
            next_step="Set PUBLISH_ALL_<REPOSITORY>_TOKEN, or run `publish-all login REPOSITORY`.",
            source=_CHAIN,
        ),
        "PA308": Text(
            means="The repository's URL begins with http://, and it is not on this machine.",
            next_step="State its https URL.",
            source="RFC 7617, section 4: Basic authentication hides nothing",
            test="tests/shared/credentials/test_chain.py",
        ),
        "PA309": Text(
            means="The value holds a control character, or a user name is a token.",
            next_step="Set the value again, as one line and without quotes.",
            source=_CHAIN,
        ),
        "PA310": Text(
            means="There is a variable with a password, and none with the user name that goes with it.",
            next_step="Set the user name too, or give the token as PUBLISH_ALL_<REPOSITORY>_TOKEN.",
            source=_CHAIN,
        ),
        "PA311": Text(
            means=".pypirc, or another tool's file with credentials, can't be read or is no INI or TOML file.",
            next_step="Repair the file that is named, or move it away.",
            source="https://packaging.python.org/specifications/pypirc/",
        ),
        "PA312": Text(
            means="The permissions of .pypirc let other users of the machine read it.",
            next_step="chmod 600 ~/.pypirc",
            source="the file's permissions",
        ),
        "PA313": Text(
            means="A keyring backend raised an error, or did not answer.",
            next_step="See whether `keyring get URL USER` works; without, use an environment variable.",
            source="the keyring library",
            test="tests/shared/credentials/test_keyring.py::test_a_broken_backend_is_noted_and_the_next_one_asked",
        ),
        "PA314": Text(
            means="Two repositories have names that differ only in characters which variables can't have.",
            next_step="Rename one of them.",
            source=_CHAIN,
            test="tests/shared/credentials/test_environment.py",
        ),
        "PA315": Text(
            means="A fine-grained token (github_pat_…) would be sent to ghcr.io.",
            next_step="Use a classic token with write:packages, or GITHUB_TOKEN in a workflow.",
            source=_GITHUB_TOKENS,
        ),
        "PA320": Text(
            means="The job publishes with trusted publishing and lacks `permissions: id-token: write`.",
            next_step="Add to the job: `permissions: {id-token: write, contents: read}`.",
            source=_ACTIONS,
        ),
        "PA321": Text(
            means='Trusted publishing must be used (`--auth oidc`, or `trusted-publishing = "always"`), and this is no CI '
            "job with an identity.",
            next_step="Publish from CI, or with a token: `--auth token`.",
            source=_TRUSTED,
        ),
        "PA322": Text(
            means="Trusted publishing must be used, and the repository has no endpoint for it, or has disabled it.",
            next_step="Publish there with a token: `--auth token`.",
            source=_TRUSTED,
        ),
        "PA323": Text(
            means="The repository asked for an identity token made out to another name than that of its own host, "
            "such as PyPI or Sigstore.",
            next_step="See whether the URL of the repository is right. If it is, set "
            "`PUBLISH_ALL_REPOSITORIES_<NAME>_AUDIENCE` to the name that the index uses, or publish with `--auth token`.",
            source="the `aud` claim of RFC 7519",
        ),
        "PA324": Text(
            means="`invalid-publisher`: the identity of the job is good, and no publisher at the index has these claims.",
            next_step="Compare the fields in the message with the publisher's form at the index, field by field.",
            source=_TRUSTED,
            sight=Sight.PUBLISH,
            unseen=_NO_MINT,
        ),
        "PA325": Text(
            means="`invalid-pending-publisher`: a pending publisher matches, but the project exists already.",
            next_step="Add the publisher in the settings of the project, not as a pending one.",
            source=_TRUSTED,
            sight=Sight.PUBLISH,
            unseen=_NO_MINT,
        ),
        "PA326": Text(
            means="The index gave no upload token, for another reason that the message states.",
            next_step="Run the job again; if it stays, publish with a token: `--auth token`.",
            source=_TRUSTED,
            sight=Sight.PUBLISH,
            unseen=_NO_MINT,
        ),
        "PA327": Text(
            means="The job runs on pull_request_target, or is in a reusable workflow: publishers often fail on these.",
            next_step="Publish in a job of the repository's own workflow, on a tag, a release, or workflow_dispatch.",
            source=_TRUSTED,
        ),
        "PA328": Text(
            means="A token is set, and the job could use trusted publishing.",
            next_step="Remove the token, or say `--auth token` to use it without this note.",
            source=_TRUSTED,
        ),
        "PA329": Text(
            means="Several projects are new at the index, and one environment of one workflow publishes them all.",
            next_step="Register a pending publisher for each, with an environment of its own, and publish each variant in "
            "a job with that environment.",
            source="https://docs.pypi.org/trusted-publishers/creating-a-project-through-oidc/",
            sight=Sight.DOCTOR,
        ),
        "PA330": Text(
            means="Attestations would be made, and something for them is missing, such as the extra `attestations`.",
            next_step='Install publish-all[attestations], or set `attestations = "never"` for the repository.',
            source=_ATTESTATIONS,
        ),
        "PA331": Text(
            means='`attestations = "always"` is set, and there is no trusted publishing, or nothing to sign with.',
            next_step='Publish with trusted publishing, or set `attestations = "auto"`.',
            source=_ATTESTATIONS,
        ),
        "PA332": Text(
            means="FILE.publish.attestation beside a file is no attestation, or one for another file.",
            next_step="Remove it, or make it anew for this very file.",
            source=_ATTESTATIONS,
            test="tests/shared/attestations/test_beside.py",
        ),
        "PA333": Text(
            means="There are attestations beside the files, and they are uploaded with a token.",
            next_step="Publish with trusted publishing, or remove them.",
            source=_ATTESTATIONS,
        ),
    }
)
