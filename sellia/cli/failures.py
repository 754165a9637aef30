"""Errors of ours as a command shows them: the sentence, a hint, and the exit status."""

import click

from sellia.cli.exits import exit_of
from sellia.errors import SelliaError


def explain(error: SelliaError) -> str:
    """Return the text for an error: what happened and, on a line of its own, what to do."""
    remedy = getattr(error, "remedy", "")
    return f"{error}\nHint: {remedy}" if remedy else str(error)


class Failed(click.ClickException):
    """A command ends because of ``error``, with the exit status that tells of it."""

    def __init__(self, error: SelliaError) -> None:
        super().__init__(explain(error))
        self.exit_code = exit_of(error)  # type: ignore[misc]  # click has one for each class
