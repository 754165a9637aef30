"""Describes all commands in ``commands.json``, from which completion and documents are made.

``python -m sellia.cli.describe`` writes it anew, after a change to a command or a flag; a test compares it with the
commands.  Each entry is one line, so that changes to different commands go together.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

#: Where the description is, beside this module.
PATH: Final = Path(__file__).parent / "commands.json"


def describe() -> dict[str, dict[str, Any]]:
    """Return the description of each command by its full name, ``""`` for ``sellia`` itself."""
    from sellia.cli.main import main

    return dict(_walk("", main, main.make_context("sellia", [], resilient_parsing=True)))


def _walk(name: str, command: click.Command, context: click.Context) -> Iterator[tuple[str, dict[str, Any]]]:
    described: dict[str, Any] = {"help": _text(command.help), "arguments": [], "options": []}
    for parameter in command.get_params(context):
        if isinstance(parameter, click.Option) and not parameter.hidden:
            described["options"].append(_option(parameter))
        elif isinstance(parameter, click.Argument):
            described["arguments"].append(_argument(parameter, context))
    if name == "server":
        described |= {"arguments": [], "options": [*_server_options(), *described["options"]]}
    if isinstance(command, click.Group):
        described["commands"] = command.list_commands(context)
    yield name, described
    for each in described.get("commands", ()):
        inner = command.get_command(context, each)  # type: ignore[attr-defined]  # it is a group
        made = inner.make_context(each, [], parent=context, resilient_parsing=True)
        yield from _walk(f"{name} {each}".strip(), inner, made)


def _option(option: click.Option) -> dict[str, Any]:
    names = [*option.opts, *option.secondary_opts]
    described: dict[str, Any] = {"names": names, "help": _text(option.help)}
    if not option.is_flag and not option.count:
        described["value"] = option.metavar or option.type.name.upper()
        if isinstance(option.type, click.Choice):
            described["choices"] = list(option.type.choices)
    return described


def _argument(argument: click.Argument, context: click.Context) -> dict[str, Any]:
    described: dict[str, Any] = {"name": argument.make_metavar(context), "many": argument.nargs == -1}
    if isinstance(argument.type, click.Choice):
        described["choices"] = list(argument.type.choices)
    return described


def _server_options() -> Iterator[dict[str, Any]]:
    """Yield the options of ``sellia server``, which are the plugin's."""
    from sellia.server.settings import ServerSettings
    from sellia.settings import CONFIG, flags_of

    for flag in (*flags_of(ServerSettings), CONFIG):
        value = {"value": flag.metavar} if flag.metavar else {}
        yield {"names": [f"--{flag.name}"], "help": _text(flag.help), **value}


def _text(text: str | None) -> str:
    """Return a help text on one line for each paragraph."""
    return "\n".join(" ".join(each.replace("\b", "").split()) for each in (text or "").split("\n\n"))


def written(description: dict[str, dict[str, Any]]) -> str:
    """Return the text of the file."""
    lines = [f"{json.dumps(name)}: {json.dumps(each)}" for name, each in description.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    PATH.write_text(written(describe()), "utf-8")
