"""Writes the parts of the documents that list what the source states: settings, commands, the modules of each room.

A line such as ``.. settings:: sellia.server.settings.ServerSettings`` or ``.. modules:: sellia.relay`` is replaced
before Sphinx reads the page.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import sellia
from sellia.settings import Settings, spelling

PACKAGE = Path(sellia.__file__).parent
_LINE = re.compile(r"^\.\. (settings|modules|commands):: (\S+)$", re.MULTILINE)


def settings(name: str) -> Iterator[str]:
    """The entries of a model's settings, in the order of their groups."""
    module, _, kind = name.rpartition(".")
    model: type[Settings] = getattr(import_module(module), kind)
    fields = sorted(model.model_fields, key=lambda each: model.path(each).rpartition(".")[0])
    for each in fields:
        field = model.model_fields[each]
        facts = []
        if not field.is_required() and field.default not in (None, (), ""):
            facts.append(f"default {_shown(field.default, repr(field.annotation) + repr(field.metadata))}")
        variable = spelling(model, each, "variable")
        if spelling(model, each, "flag"):
            facts.append(f"flag ``--{'no-' if field.default is True else ''}{each.replace('_', '-')}``")
        if variable:
            facts.append(f"variable ``{variable}``")
        if model.path(each).rpartition(".")[2] != each:
            facts.append(f"in Python ``{each}``")
        yield f"``{model.path(each)}``"
        yield f"    {_plain(field.description or '')}"
        if facts:
            facts[0] = facts[0][:1].upper() + facts[0][1:]
            yield f"    {', '.join(facts)}."
        yield ""


def commands(program: str) -> Iterator[str]:
    """Every command of a program with its arguments and options, from the description that completion uses."""
    for name, each in json.loads((PACKAGE / "cli" / "commands.json").read_bytes()).items():
        if each.get("commands") and name:
            continue  # a group, whose commands follow
        arguments = " ".join(argument["name"] for argument in each["arguments"])
        yield f"``{' '.join(filter(None, (program, name, arguments)))}``"
        yield f"    {_plain(each['help'].partition(chr(10))[0])}"
        yield ""
        for option in each["options"]:
            if option["names"] == ["--help"] and name:
                continue
            value = f" {option['value']}" if "value" in option else ""
            yield f"    ``{', '.join(option['names'])}{value}``"
            yield f"        {_plain(option['help'].replace(chr(10), ' '))}"
        yield ""


def modules(name: str) -> Iterator[str]:
    """The modules of a room, each with what the first line of its docstring says."""
    folder = PACKAGE.joinpath(*name.split(".")[1:])
    for path in sorted(folder.glob("*.py")):
        if path.name == "__init__.py":
            continue
        doc = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        first = " ".join(doc.partition("\n\n")[0].split())
        yield f"``{path.stem}``"
        yield "    " + first.replace("`", "").replace("*", r"\*")
        yield ""


def _plain(text: str) -> str:
    """A description without the default in its brackets, which stands beside it, and with code set as code."""
    text = re.sub(r" ?\[default: ([^\]]*)\]", r" The default is \1.", text)
    return re.sub(r"(?<!`)`([^`]+)`(?!`)", r"``\1``", text).replace("*", r"\*")


def _shown(value: Any, kind: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if "65535" in kind:
        return str(value)
    if "_size" in kind:
        for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
            if value >= factor:
                return f"{value // factor} {unit}"
    return f"{value:,g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else f"``{value}``"


def expand(app: Any, page: str, source: list[str]) -> None:
    """Replace the lines that ask for a list."""
    lists = {"settings": settings, "modules": modules, "commands": commands}
    source[0] = _LINE.sub(lambda found: "\n".join(lists[found[1]](found[2])), source[0])


def setup(app: Any) -> dict[str, Any]:
    """Sphinx calls this."""
    app.connect("source-read", expand)
    return {"parallel_read_safe": True}
