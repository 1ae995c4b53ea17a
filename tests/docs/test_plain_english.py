"""The check of `make lint` for plain English: sentences that readers stumbled over, and sentences that they did not."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

CHECK = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "plain_english.py"))

# From an earlier version of README, docs, messages and docstrings.
RIDDLES = """\
It checks and asks first, uploads after, and leaves no half-published release behind unsaid.
what an index says to a file, it says only when it gets it
does not show this to nobody in particular
ready: nothing stands against a publish
look without touching anything
Credentials. Found by themselves, in this order
What is there already is where it is looked up
Tells the version, and keeps all the places that say it in step
Runs a command with an index over repositories that lives as long
Do not mind uncommitted changes
signed by nobody that this machine trusts
failed in ways that may pass, and did not pass
What to do follows from what is public already:
Delete releases that nobody needs, or ask for a higher limit:
Without any private name there is no fallback, and the registry must have everything that is installed: all that is asked for.
The repository's files that a pattern names, as the script would name them; empty for what is none.
it tells the files of a release apart.
what stands before the version in their tags.
It never raises for what is wrong with it.
What setuptools draws around its texts, and what it says that is no fault of the project.
that is no reason to tell nothing, whoever asks
Text of any origin as it may stand on a terminal or in a log
What a receipt says of a file that its manifest does not say; None where both agree.
signs where the extra, the identity and Sigstore are to be had, and says in a note where they are not.
What prevents attestations of these files, or is to be known.
publish-all runs them in processes of their own, with an environment made for them.
So the version stays theirs to tell where they tell the right one, by themselves or because a variable says so.
With the slash at its end, so that it is no other host that begins with the same letters.
Tags that are no versions, and what the registry lists and does not have any more.
fetches the files of that release from the index, and publishes these very files.
macOS, Windows and Python 3.14 are meant to work, and are not tested.
Names that projects use for what is not their library.
Asks on the terminal; None if there is nobody to ask.
A table that maps such a file to the place is written anew, file by file.
The first release of each needs a pending publisher of its own.
The credential as it is sent, after all that is to be said about it.
Tell of version, files and checks, and why some of them could not be had.
What is read without a credential of the client is for whoever can reach it.
Build all build variants of a project, and write down what was built where.
It goes the way of a publish up to the first upload, but for what it heeds."""

PLAIN = """\
Build every variant of a Python project and publish it everywhere.
What is a variant? It is one way to build a project.
If a run stops half-way, the next run uploads the files that are missing.
There is no package with this name. It is no longer on the index.
The token is not valid for this index. Run `publish-all login testpypi` again.
Files that are already uploaded are skipped.
Tell Poetry where the package comes from. The log tells pip from uv.
Credentials are looked up in this order.
Allow uncommitted changes."""


@pytest.mark.parametrize("sentence", RIDDLES.splitlines())
def test_a_riddle_is_found(sentence: str) -> None:
    assert list(CHECK["findings"](sentence))


@pytest.mark.parametrize("sentence", PLAIN.splitlines())
def test_a_plain_sentence_is_let_through(sentence: str) -> None:
    assert not list(CHECK["findings"](sentence))


def test_only_prose_is_read() -> None:
    source = (
        '''"""Say what is wrong."""\nx = "nobody"  # what was there\ny = f"tells of {x} and `what is`"\n'''
    )
    assert next(text for _, text in CHECK["of_python"](source)) == "# what was there"
    assert {text for _, text in CHECK["of_python"](source)} >= {
        "Say what is wrong.",
        "tells of ",
        " and `what is`",
    }


def test_exceptions_are_few() -> None:
    exceptions = CHECK["EXCEPTIONS"]
    lines = exceptions.read_text(encoding="utf-8").splitlines() if exceptions.is_file() else []
    assert len(lines) <= CHECK["MOST_EXCEPTIONS"]
