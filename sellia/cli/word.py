"""Arguments and options that take one of a few words."""

from collections.abc import Sequence
from typing import Any

import click

from sellia.cli.group import nearest
from sellia.text import printable

#: Characters of a word that are shown.
_SHOWN = 40


class Word(click.Choice[str]):
    """One of some words; ``what`` says what they are, as in ``There is no shell 'foo' here``."""

    def __init__(self, what: str, words: Sequence[str]) -> None:
        super().__init__(words)
        self._what = what

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value in self.choices:
            return value
        *others, last = self.choices
        shown = printable(str(value), _SHOWN)
        known = f"{', '.join(others)} and {last}.{nearest(shown, self.choices)}"
        raise click.UsageError(f"There is no {self._what} {shown} here, only {known}", ctx)
