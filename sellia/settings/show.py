"""Shows settings as a YAML file would have them: merged, with the origin of each, and with secrets masked."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticUndefined

from sellia.settings.check import models_in, secrets_of
from sellia.settings.given import Given, Origin, Rank
from sellia.settings.model import Settings

#: What stands for a secret.
MASK: Final = "********"

#: Column from which origins are written, where lines are shorter.
_COLUMN: Final = 40


def shown(
    models: Sequence[type[Settings]], given: Mapping[str, Given], origins: bool = False, defaults: bool = False
) -> str:
    """Return what was given as a settings file: in the order of the models, groups last.

    ``origins`` writes where each value came from into a comment behind it; ``defaults`` adds those of the first model
    for what was not given.
    """
    tree: dict[str, Any] = {}
    for path, each in sorted(_masked(models, given, defaults), key=lambda found: "." in found[0]):
        *groups, leaf = path.split(".")
        here = tree
        for group in groups:
            here = here.setdefault(group, {})
        here[leaf] = each
    lines = []
    for text, origin in _lines(tree, 0):
        lines.append(f"{text:<{_COLUMN}}  # {origin.where}" if origins and origin is not None else text)
    return "".join(f"{line}\n" for line in lines) or "# Nothing is set; the defaults hold.\n"


def values(
    models: Sequence[type[Settings]], given: Mapping[str, Given], defaults: bool = False
) -> dict[str, dict[str, object]]:
    """Return the same for programs: the value and the origin of each setting, by its path."""
    return {
        path: {"value": each.value, "origin": each.origin.where, "source": each.rank.name.lower()}
        for path, each in _masked(models, given, defaults)
    }


def _masked(
    models: Sequence[type[Settings]], given: Mapping[str, Given], defaults: bool
) -> Iterator[tuple[str, Given]]:
    """Yield the settings of the models by their paths in a file, with secrets masked."""
    met = set()
    for model in models:
        secrets = secrets_of(model, masked=True)
        for name in model.model_fields:
            if name in met:
                continue
            met.add(name)
            if name in given:
                each = _mask(given[name], secrets.get(name))
                yield model.path(name), _as_meant(model, name, each) if name not in secrets else each
            elif defaults and model is models[0] and model.model_fields[name].default not in (None, PydanticUndefined):
                yield model.path(name), Given(_plain(model.model_fields[name].default), Origin(Rank.DEFAULT))


def _mask(given: Given, inner: frozenset[str] | None) -> Given:
    """Return a value with what is secret in it masked: all of it, or the parts with these names."""
    if inner is None:
        return given
    if not inner:
        return Given(MASK, given.origin)
    if isinstance(given.value, dict):
        parts = {
            str(name): Given(MASK, part.origin) if name in inner and part.value else _mask(part, inner)
            for name, part in given.parts.items()
        }
        return Given.of(parts, given.origin)
    if isinstance(given.value, list):
        return Given.of([_mask(part, inner) for part in given.parts.values()], given.origin)
    return given


def _as_meant(model: type[Settings], name: str, given: Given) -> Given:
    """Return a text of a flag or a variable as what it means: a number, true or false, a list."""
    annotation = model.model_fields[name].annotation
    if given.rank.is_file or models_in(annotation):
        return given
    field = model.model_fields[name]
    kind: Any = annotation
    for each in field.metadata:
        kind = Annotated[kind, each]
    try:
        return Given(_plain(TypeAdapter(kind).validate_python(given.value)), given.origin)
    except ValidationError:
        return Given(_plain(given.value), given.origin)


def _plain(value: object) -> object:
    """Return a value as YAML can have it."""
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return value if isinstance(value, str | int | float | bool | dict) or value is None else str(value)


def _lines(tree: Mapping[Any, Any], depth: int) -> Iterator[tuple[str, Origin | None]]:
    """Yield the lines of a mapping, each with the origin of the value that it ends in."""
    indent = "  " * depth
    for name, each in tree.items():
        head = f"{indent}{scalar(str(name))}:"
        if isinstance(each, dict):  # a group
            yield head, None
            yield from _lines(each, depth + 1)
        elif isinstance(each.value, dict) and each.parts:
            yield head, None
            yield from _lines(each.parts, depth + 1)
        elif isinstance(each.value, list) and each.parts and any(part.parts for part in each.parts.values()):
            yield head, None
            yield from _items(each.parts.values(), depth + 1)
        else:
            yield f"{head} {_flow(each.value)}", each.origin


def _items(items: Any, depth: int) -> Iterator[tuple[str, Origin | None]]:
    for item in items:
        marker = "  " * depth + "- "
        if isinstance(item.value, dict) and item.parts:
            for text, origin in _lines(item.parts, depth + 1):
                yield marker + text[len(marker) :], origin
                marker = " " * len(marker)
        else:
            yield f"{marker}{_flow(item.value)}", item.origin


def _flow(value: object) -> str:
    """Return a value on one line."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(_flow(each) for each in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{scalar(str(name))}: {_flow(each)}' for name, each in value.items())}}}"
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "null"
    if isinstance(value, float):
        return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(repr(value), repr(value))
    return str(value) if isinstance(value, int) else scalar(str(value))


#: Characters that a text without quotes may have in it, besides letters and digits, and those it may begin with.
_INSIDE: Final = frozenset(" _./@+-~:()=;$^")
_FIRST: Final = frozenset("_./")


def scalar(text: str) -> str:
    """Return a text as a scalar of YAML: as it is, or in quotes where it could be something else."""
    from sellia.settings.document import plain  # with PyYAML, which only files need

    simple = (
        text.isascii()
        and all(each.isalnum() or each in _INSIDE for each in text)
        and text == text.strip()
        and ": " not in text
        and (text[:1].isalnum() or text[:1] in _FIRST)
        and not text.endswith(":")
        and isinstance(plain(text), str)
        # What YAML 1.1 took for something else is put in quotes for the programs that still do.
        and text.lower() not in ("y", "n", "yes", "no", "on", "off")
    )
    if simple:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(each if each.isprintable() else _escaped(each) for each in quoted)


def _escaped(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
