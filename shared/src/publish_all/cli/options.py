"""The options that several commands share, each with one wording."""

from __future__ import annotations

from cleo.helpers import argument, option
from cleo.io.inputs.option import Option

FILES = argument(
    "files",
    "Wheels and sdists to publish as they are, instead of building the project.",
    optional=True,
    multiple=True,
)


def format_option() -> Option:
    return option("format", None, "How results are shown: text or json.", flag=False, default="text")


def variant_option() -> Option:
    return option(
        "variant", None, "Only this build variant (may be given several times).", flag=False, multiple=True
    )


def allow_missing_option() -> Option:
    return option(
        "allow-missing",
        None,
        "Leave platform wheels out whose prebuilt files are not there.",
        flag=True,
    )


def repository_options(verb: str = "Publish to", *, several: bool = True) -> list[Option]:
    """`verb` says what is done with the repository, `several` whether there may be more than one."""
    more = " (may be given several times)" if several else ""
    return [
        option("repository", "r", f"{verb} this repository{more}.", flag=False, multiple=True),
        option("repository-url", None, f"{verb} this URL.", flag=False),
        option("username", "u", "The user name for the repository.", flag=False),
        option(
            "password", "p", "The password or token; better set in the environment or keyring.", flag=False
        ),
        option("auth", None, "Which credentials to use: auto, oidc or token.", flag=False, default="auto"),
        option("ca-cert", None, "A file of CA certificates to trust instead of the system's.", flag=False),
        option(
            "client-cert",
            None,
            "A client certificate (PEM), with its key or beside --client-key.",
            flag=False,
        ),
        option("client-key", None, "The key of the client certificate (PEM).", flag=False),
        option("timeout", None, "Seconds to wait for the network, for each operation.", flag=False),
    ]
