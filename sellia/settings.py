"""How settings are found and checked: flags beat the environment, which beats the settings file, which beats defaults.

Each room that has settings describes them as a frozen pydantic model (`Settings`); `gather` collects what was given,
with the place that each value came from, and `check` makes the model of it.  Whatever is wrong becomes a `BadSetting`:
one line that names the place, and a hint.

Invariants:

* The value of a setting that is a secret (``SecretStr``) never gets into a message, and neither does text of the
  settings file or of a secret's own file.
* A variable that is empty counts as not given, because that is how container set-ups spell "not set".
* Every variable has a twin whose name ends in ``_FILE`` and whose value is the path of a file that holds the value: a
  twin that cannot be read stops the start, unless a flag makes it moot.

The settings file is YAML 1.2, read with the safe loader: no tags run code, ``no`` is a string, a key given twice is an
error.
"""

import difflib
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, SecretStr, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.scanner import Scanner

from sellia.errors import SettingsError
from sellia.text import printable

#: A settings file or a file that holds one value is no larger than this, in octets; more is not read.
FILE_LIMIT: Final = 256 * 1024

#: Lists and mappings in one another in a settings file.  Settings are three deep: all, a list, one of its items.
DEPTH_LIMIT: Final = 16

#: Where containers find their secrets, which others cannot see whatever the mode of the files.
_CONTAINER_SECRETS: Final = ("/run/secrets/", "/var/run/secrets/")

#: How much of a wrong value is repeated in a message, in characters.
_SHOWN: Final = 40

#: pydantic's names for "this is not such a value", after which the value is repeated if it is no secret.
_NOT_SUCH_A_VALUE: Final = re.compile(r"^(int|float|bool|literal|greater|less|finite)")

#: Names and indexes that lead to a part of a nested value, from the outside in.
Trail: TypeAlias = tuple[str | int, ...]


class BadSetting(SettingsError):
    """Something that was set cannot be right: ``line`` says what and where, ``hint`` what to do.  `str` is both."""

    def __init__(self, line: str, hint: str) -> None:
        super().__init__(f"{line}\nHint: {hint}")
        self.line = line
        self.hint = hint


class Rank(IntEnum):
    """Where a value came from, the stronger the higher."""

    FILE = 1
    ENVIRONMENT = 2
    FLAG = 3


@dataclass(frozen=True, slots=True)
class Given:
    """A value that somebody gave, not checked yet; ``place`` names it for the user, ``parts`` what is nested in it."""

    value: object = field(repr=False)
    place: str
    rank: Rank
    parts: Mapping[Trail, str] = field(default_factory=dict)
    path: str = ""  #: of the file that it was read from


class Settings(BaseModel):
    """A frozen model that takes no unknown names; the description of each field is the hint when it is wrong."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    _cautions: tuple[str, ...] = PrivateAttr(())

    @property
    def cautions(self) -> tuple[str, ...]:
        """What the user should know about the settings, each one sentence; nothing of it stops the start."""
        return self._cautions


_Model = TypeVar("_Model", bound=Settings)


def wrong(line: str, hint: str = "", about: str = "") -> PydanticCustomError:
    """What a validator raises: `line` goes on after the name of the place, `hint` replaces the field's description.

    A validator of the whole model says with `about` which setting's place is meant.
    """
    return PydanticCustomError("setting", "{line}", {"line": line, "hint": hint, "about": about})


def gather(
    *,
    flags: Mapping[str, object],
    variables: Mapping[str, str],
    environment: Mapping[str, str],
    config: str | None,
) -> dict[str, Given]:
    """All that was given, by the name of the setting.

    ``flags`` are by setting, None where not given; ``variables`` say which variable sets what; ``config`` is the path
    of the settings file, if there is one.  Raises `BadSetting`.
    """
    given = _from_file(config) if config is not None else {}
    for name, variable in variables.items():
        if flags.get(name) is None:
            found = _from_environment(variable, environment)
            if found is not None:
                given[name] = found
    for name, value in flags.items():
        if value is not None:
            given[name] = Given(value, flag(name), Rank.FLAG)
    return given


def flag(name: str) -> str:
    """The flag that sets ``name``."""
    return "--" + name.replace("_", "-")


def check(model: type[_Model], given: Mapping[str, Given]) -> _Model:
    """``model`` made of what was given and of defaults.  Raises `BadSetting` for the first thing that is wrong."""
    try:
        checked = model.model_validate({name: each.value for name, each in given.items()})
        checked._cautions = tuple(_exposed(model, given))
        return checked
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
    # What is missing may be there under a name that is misspelt, which says more.
    details = next((each for each in found if each["type"] == "extra_forbidden"), found[0])
    if found[0]["type"] not in ("missing", "extra_forbidden"):
        details = found[0]
    raise _explain(model, given, details)


def refuse_unknown(model: type[Settings], given: Mapping[str, Given], besides: Sequence[str] = ()) -> None:
    """Raise `BadSetting` for the first name that neither ``model`` nor ``besides`` has."""
    known = [*model.model_fields, *besides]
    for name, each in given.items():
        if name not in known:
            raise _no_setting(known, each.place, name)


def _exposed(model: type[Settings], given: Mapping[str, Given]) -> Iterator[str]:
    """Files that hold a secret and can be read by every user of this machine."""
    told: set[str] = set()
    for name, each in given.items():
        if each.path and each.path not in told and _holds_secret(model, name, each) and _is_public(each.path):
            told.add(each.path)
            shown = printable(each.path)
            yield f"{shown} holds a secret, and every user of this machine can read it: `chmod o-r {shown}` ends that."


def _holds_secret(model: type[Settings], name: str, given: Given) -> bool:
    setting = model.model_fields.get(name)
    if setting is None:
        return False
    if "SecretStr" in repr(setting.annotation):
        return True
    secret = {
        inner
        for nested in _models_in(setting.annotation)
        for inner, described in nested.model_fields.items()
        if "SecretStr" in repr(described.annotation)
    }
    items = given.value if isinstance(given.value, list) else [given.value]
    return any(isinstance(item, dict) and any(item.get(inner) for inner in secret) for item in items)


def _is_public(path: str) -> bool:
    """Whether everybody can read a file, and reach it; what a container is given as a secret is nobody else's."""
    real = os.path.realpath(path)
    if real.startswith(_CONTAINER_SECRETS):
        return False
    try:
        if not os.stat(real).st_mode & stat.S_IROTH:
            return False
        while real != os.path.dirname(real):
            real = os.path.dirname(real)
            if not os.stat(real).st_mode & stat.S_IXOTH:
                return False
    except OSError:
        return False
    return True


def _from_environment(variable: str, environment: Mapping[str, str]) -> Given | None:
    value, path = environment.get(variable, ""), environment.get(f"{variable}_FILE", "")
    if value and path:
        raise BadSetting(
            f"{variable} and {variable}_FILE are both set",
            f"Keep one of them: {variable} holds the value itself, {variable}_FILE the path of a file with the value.",
        )
    if value:
        return Given(value, variable, Rank.ENVIRONMENT)
    if not path:
        return None
    place = f"{variable}_FILE"
    text = _read(path, place).rstrip("\r\n")
    if not text:
        raise BadSetting(f"{place}: {printable(path)} is empty", "Put the value into the file, on one line.")
    return Given(text, place, Rank.ENVIRONMENT, path=path)


def _from_file(path: str) -> dict[str, Given]:
    shown = printable(path)
    text = _read(path, "--config")
    try:
        # The pure loader: the other one follows YAML 1.1, in which `no` is false and 012 is ten.
        yaml = YAML(typ="safe", pure=True)
        yaml.Scanner = _Scanner
        root = yaml.compose(text)
        places = {} if root is None else dict(_places(root, shown, (), set()))
        document = None if root is None else yaml.constructor.construct_document(root)
    except DuplicateKeyError as error:
        raise _bad_yaml(shown, error, "a key is given twice", "Keep one of the two.") from None
    except _TooDeep as error:
        hint = "No setting is a list in a list in a list."
        raise _bad_yaml(shown, error, "lists in lists beyond measure", hint) from None
    except (YAMLError, ValueError) as error:
        hint = "Use two spaces to indent, a space after each colon, and quotes around values with : # * & ! { or [."
        raise _bad_yaml(shown, error, "is not valid YAML", hint) from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise BadSetting(f"{shown} is not a list of settings", "Write one setting on each line, as in `port: 3000`.")
    parts: dict[str | int, dict[Trail, str]] = {}
    for trail, place in places.items():
        parts.setdefault(trail[0], {})[trail[1:]] = place
    given: dict[str, Given] = {}
    for name, value in document.items():
        if value is not None:
            nested = parts.get(name, {})
            given[str(name)] = Given(value, nested.pop((), shown), Rank.FILE, nested, path)
    return given


class _TooDeep(MarkedYAMLError):
    """The file is nested deeper than any setting can be."""


class _Scanner(Scanner):
    """ruamel.yaml's, which stops where the file gets too deep.

    It looks ahead by a thousand octets, in a time that grows with the square of how deep they are nested, and what
    follows it calls itself for each level: so that is to be found out here, bracket by bracket.
    """

    def fetch_flow_collection_start(self, TokenClass: Any, to_push: str) -> None:
        super().fetch_flow_collection_start(TokenClass, to_push)
        self._check_depth()

    def add_indent(self, column: int) -> bool:
        deeper = super().add_indent(column)
        self._check_depth()
        return deeper

    def _check_depth(self) -> None:
        if self.flow_level + len(self.indents) > DEPTH_LIMIT:
            raise _TooDeep(problem_mark=self.reader.get_mark())


def _bad_yaml(shown: str, error: Exception, line: str, hint: str) -> BadSetting:
    """Says where, and not what: the loader's own message can repeat the text of the file."""
    mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
    where = f"{shown}, line {mark.line + 1}" if mark is not None else shown
    return BadSetting(f"{where}: {line}", hint)


def _places(node: Node, shown: str, trail: Trail, met: set[int]) -> Iterator[tuple[Trail, str]]:
    """The place of every part of the document, as ``sellia.yaml, line 3: tunnels[0].port``.

    ``met`` are the parts so far.  One that is met again stands in two places, by an alias; such a document could be
    without end, or larger than any memory, so aliases are refused.
    """
    line = f"{shown}, line {node.start_mark.line + 1}"
    if id(node) in met:
        raise BadSetting(f"{line}: an alias refers to this", "Write it out where it is needed, without & and *.")
    met.add(id(node))
    if trail:
        name = "".join(f"[{step}]" if isinstance(step, int) else f".{printable(step)}" for step in trail)[1:]
        yield trail, f"{line}: {name}"
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                where = f"{shown}, line {key.start_mark.line + 1}"
                raise BadSetting(f"{where}: a name has parts", "Write one name before each colon, as in `port: 3000`.")
            yield from _places(value, shown, (*trail, str(key.value)), met)
    elif isinstance(node, SequenceNode):
        for index, value in enumerate(node.value):
            yield from _places(value, shown, (*trail, index), met)


def _read(path: str, place: str) -> str:
    shown = printable(path)
    try:
        with open(path, "rb") as file:
            data = file.read(FILE_LIMIT + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "this is not the name of a file"
        raise BadSetting(
            f"{place}: cannot read {shown}: {reason}", "Check the path, and that this user may read the file."
        ) from None
    if len(data) > FILE_LIMIT:
        hint = "Check the path: it is not the file that is meant."
        raise BadSetting(f"{place}: {shown} is larger than {FILE_LIMIT // 1024} KiB", hint)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadSetting(f"{place}: {shown} is not text in UTF-8", "Save the file as UTF-8.") from None


def _explain(model: type[Settings], given: Mapping[str, Given], details: ErrorDetails) -> BadSetting:
    context = details.get("ctx", {})
    trail = details["loc"] or (context.get("about", ""),)
    place = _place(given, trail)
    if details["type"] == "extra_forbidden":
        return _unknown(model, place, trail)
    setting = _field(model, trail)
    hint = setting.description if setting is not None and setting.description else ""
    if details["type"] == "setting":
        line = str(context["line"])
        return BadSetting(f"{place}: {line}" if place else line, str(context["hint"]) or hint)
    if details["type"] == "missing":
        return BadSetting(f"{place}: {printable(str(trail[-1]))} is missing", hint)
    if details["type"] == "string_type":
        return BadSetting(f"{place}: must be text", "Put the value into quotes. " + hint)
    line = details["msg"].replace("Input should be", "must be").replace("tuple", "list").split(", unable to")[0]
    if _NOT_SUCH_A_VALUE.match(details["type"]) and setting is not None and "Secret" not in repr(setting.annotation):
        line += f", not {printable(str(_value(given, trail)))[:_SHOWN]}"
    return BadSetting(f"{place}: {line}" if place else line, hint)


def _unknown(model: type[Settings], place: str, trail: Trail) -> BadSetting:
    owner = _owner(model, trail)
    return _no_setting(list(owner.model_fields) if owner is not None else [], place, str(trail[-1]))


def _no_setting(known: Sequence[str], place: str, name: str) -> BadSetting:
    near = difflib.get_close_matches(name.replace("-", "_").lower(), known, n=1)
    where = place.rpartition(": ")[0] or place
    hint = f"Did you mean {near[0]}?" if near else f"The settings are: {', '.join(known)}."
    return BadSetting(f"{where}: {printable(name)} is not a setting", hint)


def _place(given: Mapping[str, Given], trail: Trail) -> str:
    """The most exact place that is known for a part."""
    source = given.get(str(trail[0])) if trail else None
    if source is None:
        return ""
    for length in range(len(trail) - 1, 0, -1):
        if trail[1 : length + 1] in source.parts:
            return source.parts[trail[1 : length + 1]]
    return source.place


def _value(given: Mapping[str, Given], trail: Trail) -> object:
    value: Any = given[str(trail[0])].value
    for step in trail[1:]:
        try:
            value = value[step]
        except (LookupError, TypeError):
            break
    return value


def _owner(model: type[Settings], trail: Trail) -> type[Settings] | None:
    """The model that the last name of ``trail`` belongs to; lists of models count, other nesting does not occur."""
    for step in trail[:-1]:
        if isinstance(step, int):
            continue
        setting = model.model_fields.get(step)
        inner = _models_in(setting.annotation) if setting is not None else []
        if not inner:
            return None
        model = inner[0]
    return model


def _models_in(annotation: Any) -> list[type[Settings]]:
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return [annotation]
    return [model for each in getattr(annotation, "__args__", ()) for model in _models_in(each)]


def _field(model: type[Settings], trail: Trail) -> Any:
    """What the model says of the setting that ``trail`` leads to; of the list, where it leads to one of its items."""
    names = trail
    while names and isinstance(names[-1], int):
        names = names[:-1]
    owner = _owner(model, names) if names else None
    return owner.model_fields.get(str(names[-1])) if owner is not None else None


# --- kinds of values that several rooms have ---------------------------------------------------------------------


def _number(value: object) -> object:
    if isinstance(value, bool):
        raise wrong("must be a number, not true or false")
    return value


_UNITS: Final = {"": 1, "b": 1, "kib": 1024, "mib": 1024**2, "gib": 1024**3}
_SIZE: Final = re.compile(r"^\s*([0-9]{1,15})\s*([a-z]*)\s*$", re.IGNORECASE)


def _octets(value: object) -> object:
    if not isinstance(value, str):
        return _number(value)
    found = _SIZE.match(value)
    if found is None or found[2].lower() not in _UNITS:
        raise wrong(f"must be a size such as 65536, 64 KiB or 4 MiB, not {printable(value)[:_SHOWN]}")
    return int(found[1]) * _UNITS[found[2].lower()]


def _secret(value: object) -> object:
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if isinstance(text, str):
        if not text:
            raise wrong("is empty")
        if len(text) > 4096:
            raise wrong("is longer than 4096 characters")
        if not text.isprintable():
            raise wrong("contains a line break or another control character")
    return value


LogLevel: TypeAlias = Literal["info", "debug"]
Port: TypeAlias = Annotated[int, Field(ge=1, le=65535), BeforeValidator(_number)]
Count: TypeAlias = Annotated[int, Field(ge=1), BeforeValidator(_number)]
Octets: TypeAlias = Annotated[int, Field(ge=1), BeforeValidator(_octets)]
Seconds: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False), BeforeValidator(_number)]
PerSecond: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False), BeforeValidator(_number)]
Secret: TypeAlias = Annotated[SecretStr, BeforeValidator(_secret)]
