"""PA6xx: OCI registries, GitHub's above all."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from publish_all.catalogue.entry import Sight, Text

_GHCR = "ghcr.io, observed; https://docs.github.com/packages/working-with-a-github-packages-registry/working-with-the-container-registry"
_OCI = "the OCI distribution specification: https://github.com/opencontainers/distribution-spec"
_LAYOUT = "the layout of packages (docs/explanation/oci-layout.md)"
_DURING = "The registry says so only when it is written to."
_READING = "It is found when packages are read."
_REPLIES = "tests/shared/repositories/test_oci_replies.py"

TEXTS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "PA601": Text(
            means="A fine-grained token (github_pat_…) is set for GitHub Packages.",
            next_step="Make a classic token with write:packages, or publish from a workflow with GITHUB_TOKEN.",
            source=_GHCR,
        ),
        "PA602": Text(
            means="The token of a GitHub App (ghs_…) is set, which is not that of the workflow.",
            next_step="Use GITHUB_TOKEN of the workflow, or a classic token.",
            source=_GHCR,
            test=_REPLIES,
        ),
        "PA603": Text(
            means="The token lacks write:packages, or the job `permissions: packages: write`.",
            next_step="Add to the job: `permissions: {packages: write, contents: read}`; or make a token with the scope.",
            source=_GHCR,
        ),
        "PA604": Text(
            means="`permission_denied: write_package`: the package was first made elsewhere, and this repository is not "
            "connected to it.",
            next_step="Package settings, Manage Actions access, Add repository, with the role Write.",
            source=_GHCR,
        ),
        "PA605": Text(
            means="`permission_denied: create_package`, or `installation not allowed to Create organization package`.",
            next_step="In the organisation: Settings, Packages, Package creation; and Settings, Actions, Workflow "
            "permissions.",
            source=_GHCR,
        ),
        "PA606": Text(
            means="The registry does not show the package to this user, if it is there at all.",
            next_step="Give a credential with read:packages, and see owner and name.",
            source=_GHCR,
            test=_REPLIES,
        ),
        "PA607": Text(
            means="The owner in the URL does not exist, or the credential is of somebody outside.",
            next_step="State `owner` of the repository as GitHub writes it.",
            source=_GHCR,
            test=_REPLIES,
        ),
        "PA608": Text(
            means="The owner, or the name of the project, has characters that the registry does not take.",
            next_step="Correct `owner`; write it in lower case.",
            source=_OCI,
            test=_REPLIES,
        ),
        "PA609": Text(
            means="The server answers, and is no OCI registry.",
            next_step='See the `url`; for a server with PyPI\'s upload API, set `kind = "legacy"`.',
            source=_OCI,
        ),
        "PA610": Text(
            means="405, or `UNSUPPORTED`: a mirror, or a registry that is closed.",
            next_step="Push to the registry behind it.",
            source=_OCI,
            sight=Sight.PUBLISH,
            unseen=_DURING,
            test=_REPLIES,
        ),
        "PA611": Text(
            means="The registry refuses, in words of its own.",
            next_step="Do what its words say.",
            source=_OCI,
            test=_REPLIES,
        ),
        "PA612": Text(
            means="401: user name, password or token are wrong.",
            next_step="Set them again in the place that is named.",
            source=_OCI,
        ),
        "PA613": Text(
            means="403: this user may not write there.",
            next_step="Ask for the right to push to that namespace.",
            source=_OCI,
            test=_REPLIES,
        ),
        "PA614": Text(
            means="`NAME_UNKNOWN`: the registry (Amazon's, for one) creates no repository with the first upload.",
            next_step="Create the repository of that name in the registry, then run again.",
            source=_OCI,
            test=_REPLIES,
        ),
        "PA620": Text(
            means="A manifest or blob does not have the digest by which it was asked for or sent.",
            next_step="Run again; if it stays, something on the way changes what it passes on.",
            source=_OCI,
            sight=Sight.PUBLISH,
            unseen=_DURING,
            test="tests/shared/repositories/test_oci_replies.py",
        ),
        "PA621": Text(
            means="The tag of the version is there, and is a container image or something else.",
            next_step="Give the package another name, or the image; both can't share one.",
            source=_LAYOUT,
        ),
        "PA622": Text(
            means="The index lists a file whose manifest, bytes or metadata the registry does not have any more.",
            next_step="Publish the same files again, which uploads what is missing; exclude the package from clean-up jobs.",
            source=_LAYOUT,
            sight=Sight.PUBLISH,
            unseen=_DURING,
            test="tests/shared/repositories/test_oci.py",
        ),
        "PA623": Text(
            means="Other jobs wrote the index between our reading and our writing, again and again.",
            next_step="Let the jobs write receipts (`publish --receipt`), and one job `finalize` them.",
            source=_LAYOUT,
            sight=Sight.PUBLISH,
            unseen=_DURING,
            test="tests/shared/repositories/test_oci.py",
        ),
        "PA624": Text(
            means="The package has tags that are no versions.",
            next_step="Delete them if PyOCI is to read the package.",
            source=_LAYOUT,
            sight=Sight.OTHERS,
            unseen=_READING,
            test="tests/integration/test_catalogue.py::test_tags_that_are_no_versions",
        ),
        "PA630": Text(
            means="The files were pushed with --receipt.",
            next_step="Run `publish-all finalize` with all receipts, once.",
            source=_LAYOUT,
            sight=Sight.PUBLISH,
            unseen="doctor writes no receipts.",
            test="tests/shared/repositories/test_oci.py",
        ),
        "PA631": Text(
            means="The file named to `finalize` is no receipt, or of another repository.",
            next_step="Give the files that `publish --receipt` has written.",
            source=_LAYOUT,
            sight=Sight.OTHERS,
            unseen="receipts are read by `finalize` only.",
            test="tests/shared/repositories/test_receipt_findings.py",
        ),
    }
)
