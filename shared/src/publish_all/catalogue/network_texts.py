"""PA5xx: the way to a server."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from publish_all.catalogue.entry import Sight, Text

_HTTP = "RFC 9110"
_DURING = "It happens while a file is sent."

TEXTS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "PA501": Text(
            means="Nothing listens at the host and port of the URL, or a firewall turns connections away.",
            next_step="See whether host and port are right, and whether the server runs; some need a VPN.",
            source="TCP",
        ),
        "PA502": Text(
            means="No answer came within the time allowed.",
            next_step="Run again; --timeout SECONDS waits longer.",
            source="TCP",
            test="tests/shared/repositories/test_replies.py",
        ),
        "PA503": Text(
            means="The certificate is signed by nobody that this machine trusts, is for another name, or is too old.",
            next_step="Give the file of the company's certificates with --ca-cert; see whether the URL has the right name.",
            source="RFC 5280, RFC 9525",
        ),
        "PA504": Text(
            means="The name of the host does not resolve.",
            next_step="See the URL for a typing error, and whether the network (or a VPN) is there.",
            source="DNS",
        ),
        "PA505": Text(
            means="The connection was cut before all was sent.",
            next_step="Run again: it goes on where it stopped.",
            source="TCP",
            sight=Sight.PUBLISH,
            unseen=_DURING,
            test="tests/shared/repositories/test_replies.py",
        ),
        "PA506": Text(
            means="All was sent and no answer came, so that the file may be there or not.",
            next_step="Run again: it asks the repository whether it has these bytes.",
            source="TCP",
            sight=Sight.PUBLISH,
            unseen=_DURING,
            test="tests/shared/repositories/test_replies.py",
        ),
        "PA507": Text(
            means="The URL has another scheme than http(s), is misspelt, or redirects in a circle.",
            next_step="Correct the `url`.",
            source=_HTTP,
            test="tests/shared/repositories/test_replies.py",
        ),
        "PA510": Text(
            means="The server answers 500, 502, 503 or 504, again and again.",
            next_step="Run again later: it goes on where it stopped. The server's log has the cause.",
            source=_HTTP,
            sight=Sight.PUBLISH,
            unseen="A server may fail over an empty upload and take a real one, so doctor calls it PA445, or waits.",
            test="tests/shared/repositories/test_replies.py",
        ),
        "PA511": Text(
            means="The server answers 429, for longer than one publish waits.",
            next_step="Run again later, with fewer --jobs.",
            source=_HTTP,
            test="tests/shared/repositories/test_replies.py",
        ),
        "PA520": Text(
            means="HTTPS_PROXY or ALL_PROXY is set.",
            next_step="If uploads are cut off, name the destination's host in NO_PROXY.",
            source="the variables that curl and requests know",
            sight=Sight.DOCTOR,
        ),
        "PA521": Text(
            means="The clock of this machine and that of the server differ by more than a minute.",
            next_step="Set the clock, or let the network set it.",
            source="RFC 7519: `nbf` and `exp`; RFC 9110: `Date`",
            sight=Sight.DOCTOR,
        ),
        "PA581": Text(
            means="One file failed in ways that may pass, and did not pass.",
            next_step="Run again later: it goes on where it stopped.",
            source="the limits of retries (docs/explanation/uploads.md)",
            sight=Sight.PUBLISH,
            unseen=_DURING,
            test="tests/shared/upload/test_transfer.py",
        ),
        "PA582": Text(
            means="The repository did not answer what was asked before the uploads.",
            next_step="Do what the message says, and run again.",
            source="publish-all's preflight (docs/explanation/uploads.md)",
            test="tests/shared/upload/test_upload_findings.py",
        ),
    }
)
