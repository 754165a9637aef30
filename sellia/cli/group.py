"""A group of commands, each of them imported when it is called: showing the help of all imports none."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib import import_module
from keyword import iskeyword
from typing import Any

import click


class LazyGroup(click.Group):
    """A click group of the commands in ``table``, each with its line of help, which are modules of ``package``.

    The module of one that is a word of Python has an underscore behind its name: ``import_``.
    """

    def __init__(self, *arguments: Any, table: Mapping[str, str], package: str, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.table = table
        self.package = package

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.table:
            return None
        module = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        command: click.Command = import_module(f"{self.package}.{module}").command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        name = args[0]
        if name not in self.table:
            help_of_all = f"'{ctx.command_path} --help' lists the commands."
            ctx.fail(f"No such command: {name}.{nearest(name, self.table)} {help_of_all}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self.table.items()))


def nearest(name: str, known: Iterable[str]) -> str:
    """Suggest the known word that is nearest to a mistyped one, as a sentence with a space before it, or nothing."""
    found = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean {found[0]}?" if found else ""
