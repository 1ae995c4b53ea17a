"""Asking a person, on the terminal."""

from __future__ import annotations

from cleo.io.io import IO

from publish_all.credentials.prompt import Ask


def make_ask(io: IO) -> Ask:
    """A function that asks a question on the error output; `hidden` answers are not echoed.

    The answer is empty where the input has ended.
    """

    def ask(question: str, *, hidden: bool) -> str:
        from cleo.ui.question import Question

        asked = Question(f"<info>{question}</info>: ")
        if hidden:
            asked.hide()
        asked.set_max_attempts(1)  # cleo would ask for ever
        try:
            answer = asked.ask(IO(io.input, io.error_output, io.error_output))
        except (RuntimeError, EOFError):
            # RuntimeError is what cleo raises at the end of the input.
            answer = None
        return str(answer or "")

    return ask
