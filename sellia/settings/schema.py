"""JSON Schema of settings files, for editors: completion, and a line under what is wrong while it is being typed."""

from typing import Any

from sellia.settings.check import models_in
from sellia.settings.file import VERSION, VERSION_NAME
from sellia.settings.model import Settings

#: What `setting` notes for others than the schema.
_NOTES = ("path", "flag", "variable", "merged")


def schema_of(model: type[Settings], title: str) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the settings file of a model, with its groups."""
    whole = model.model_json_schema(mode="validation")
    definitions: dict[str, Any] = whole.pop("$defs", {})
    for nested in _all_models(model):
        if nested.__name__ in definitions:
            definitions[nested.__name__] = _grouped(nested, definitions[nested.__name__])
    top = _grouped(model, whole)
    about = {"description": "Version of the settings that this file is written for.", "const": VERSION}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "type": "object",
        "additionalProperties": False,
        "properties": {VERSION_NAME: about, **top["properties"]},
        "$defs": definitions,
    }


def _all_models(model: type[Settings]) -> list[type[Settings]]:
    """Return the models in a model, at whatever depth."""
    found: list[type[Settings]] = []
    new = [model]
    while new:
        here = new.pop()
        for field in here.model_fields.values():
            for each in models_in(field.annotation):
                if each not in found:
                    found.append(each)
                    new.append(each)
    return found


def _grouped(model: type[Settings], flat: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a model with its settings in their groups."""
    properties: dict[str, Any] = {}
    for name, each in flat.get("properties", {}).items():
        *groups, leaf = model.path(name).split(".")
        here = properties
        for group in groups:
            empty = {"type": ["object", "null"], "additionalProperties": False, "properties": {}}
            here = here.setdefault(group, empty)["properties"]
        here[leaf] = {key: value for key, value in each.items() if key not in (*_NOTES, "title")}
    rest = {key: value for key, value in flat.items() if key not in ("properties", "title", "description")}
    return {**rest, "properties": properties}
