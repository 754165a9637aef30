"""Reads one document of YAML 1.2 into plain values and the position of each.

Need
    A settings file is read at each start and at each reload, and may come from a stranger's repository: 256 KiB of it
    must be read in a moment, must not become larger in memory than it is, and must mean what YAML 1.2 says.

How
    libyaml cuts the text into events; here they become values, by the core schema of YAML 1.2: ``no`` and ``on`` are
    texts, ``012`` is twelve, a date is a text.  A position is one number, and becomes a line and a column when it is
    asked for.

Invariants
    No tag makes anything but text, no alias refers to anything, no key is given twice.  A message never repeats text of
    the file, which can be a secret.

Bounds
    ``DEPTH_LIMIT`` levels and ``ELEMENT_LIMIT`` elements, both counted while the file is read.

Designs not chosen
    *ruamel.yaml*, whose reader for YAML 1.2 is Python throughout: 40 us for each element, seconds for a file.  *The
    loaders of PyYAML*, which follow YAML 1.1, where ``no`` is false, and keep no positions.
"""

import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from sellia.settings.malformed import explain
from sellia.settings.positions import COLUMNS, Marks, Position, line_and_column

#: Levels of lists and mappings in a settings file.  Settings have five: all, tunnels, one of them, its paths, one path.
DEPTH_LIMIT: Final = 16

#: Names and values in a settings file.  256 tunnels with all of their settings have about 20,000.
ELEMENT_LIMIT: Final = 50_000

#: Faults of one document after which no more are looked for.
FAULT_LIMIT: Final = 100

#: Called with a position, what is wrong there, and what to do about it.
Refuse: TypeAlias = Callable[[Position, str, str], None]

_WRONG_FILE: Final = "Check the path: it is not the file that is meant."
_TOO_DEEP: Final = ("nested too deeply", f"No setting is more than {DEPTH_LIMIT} levels deep.")

#: Characters that end a line in YAML 1.1, and so for libyaml, but not in YAML 1.2.
_OTHER_BREAKS: Final = re.compile("[\x85\u2028\u2029]")

#: What a plain scalar can begin with if it is not a text.
_NOT_TEXT: Final = frozenset("0123456789+-.~nNtTfF")

_WORDS: Final = {
    **dict.fromkeys(("~", "null", "Null", "NULL", ""), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}

#: Numbers of the core schema; a longer one is left as the text that it is, for a message to say that it is wrong.
_NUMBER: Final = re.compile(
    r"(?P<int>[-+]?[0-9]{1,100})|0o(?P<octal>[0-7]{1,100})|0x(?P<hex>[0-9a-fA-F]{1,100})"
    r"|(?P<float>[-+]?(?:\.[0-9]{1,100}|[0-9]{1,100}(?:\.[0-9]{0,100})?)(?:[eE][-+]?[0-9]{1,9})?)"
    r"|(?P<infinite>[-+]?\.(?:inf|Inf|INF))"
)


class _Stop(Exception):
    """The rest of the document is not to be read."""


def read_document(text: str, refuse: Refuse) -> tuple[object, Marks]:
    """Return the value of the document and its positions; ``refuse`` is called for each fault.

    What has a fault is left out.  After a fault that makes the rest of the text meaningless, all of it is.
    """
    other = _OTHER_BREAKS.search(text)
    if other is not None:
        position = _position_of(text, other.start())
        name = f"U+{ord(other[0]):04X}"
        refuse(position, f"a line separator stands here that is none in YAML ({name})", "Break the line with Enter.")
        return None, 0
    try:
        return _Reader(text, refuse).document()
    except _Stop:
        return None, 0
    except yaml.MarkedYAMLError as error:
        refuse(*_malformed(error, text))
    except yaml.reader.ReaderError as error:
        before = text.encode()[: error.position].decode("utf-8", "ignore")
        refuse(_position_of(before, len(before)), "a control character stands here", "Take it out.")
    return None, 0


def plain(text: str) -> object:
    """Return what a scalar without quotes means by the core schema of YAML 1.2."""
    if text in _WORDS:
        return _WORDS[text]
    found = _NUMBER.fullmatch(text)
    if found is None:
        return text
    match found.lastgroup:
        case "int":
            return int(text)
        case "octal":
            return int(found["octal"], 8)
        case "hex":
            return int(found["hex"], 16)
        case "float":
            return float(text)
        case _:
            return float(text.replace(".", ""))


def _malformed(error: yaml.MarkedYAMLError, text: str) -> tuple[Position, str, str]:
    """Return what to tell of what libyaml refuses."""
    problem, context = error.problem or "", error.context or ""
    mark = error.problem_mark or error.context_mark
    if "end of stream" in problem or "expected ','" in problem:  # the place where it begins says more
        mark = error.context_mark or mark
    if mark is None:
        return 0, *explain(problem, context, "", "")
    position = mark.line * COLUMNS + mark.column
    if "nesting depth" in problem:  # of brackets, which are looked at ahead of everything else
        return position, *_TOO_DEEP
    line = "".join(text.split("\n", mark.line + 1)[mark.line : mark.line + 1])
    return position, *explain(problem, context, line[: mark.column], line[mark.column :])


class _Reader:
    """Makes values of libyaml's events, one document's."""

    def __init__(self, text: str, refuse: Refuse) -> None:
        # Without libyaml, PyYAML's own reader does the same, at a tenth of the speed.
        parser: Any = getattr(yaml, "CSafeLoader", None) or yaml.SafeLoader
        self._next: Callable[[], Any] = parser(text).get_event
        self._report = refuse
        self._faults = 0
        self._elements = 0

    def document(self) -> tuple[object, Marks]:
        self._next()  # the start of the stream
        start = self._next()
        if isinstance(start, StreamEndEvent):
            return None, 0
        if start.version not in (None, (1, 2)):
            self._refuse(_start(start), "is not said to be YAML 1.2", "Take the %YAML line out.")
        found = self._node(self._next(), 0)
        self._next()  # the end of the document
        more = self._next()
        if isinstance(more, DocumentStartEvent):
            self._refuse(_start(more), "a second document begins here", "Keep one, without a line of ---.")
        return found

    def _node(self, event: Any, depth: int) -> tuple[object, Marks]:
        kind = type(event)
        self._elements += 1
        if self._elements > ELEMENT_LIMIT:
            self._refuse(_start(event), f"has more than {ELEMENT_LIMIT:,} names and values", _WRONG_FILE)
            raise _Stop
        if kind is ScalarEvent:
            text = event.value
            if event.tag is not None:
                return self._tagged(event)
            # In quotes, or in a block, it is a text whatever it looks like.
            value = plain(text) if event.implicit[0] and (not text or text[0] in _NOT_TEXT) else text
            mark = event.start_mark
            return value, mark.line * COLUMNS + mark.column
        if kind is AliasEvent:
            self._refuse(_start(event), "an alias stands here", "Write it out where it is needed, without & and *.")
            return None, _start(event)
        if depth == DEPTH_LIMIT:
            self._refuse(_start(event), *_TOO_DEEP)
            raise _Stop
        if event.tag is not None:
            self._tagged(event)
        return self._mapping(event, depth + 1) if kind is MappingStartEvent else self._sequence(event, depth + 1)

    def _refuse(self, position: Position, line: str, hint: str) -> None:
        self._faults += 1
        self._report(position, line, hint)
        if self._faults == FAULT_LIMIT:
            raise _Stop

    def _tagged(self, event: Any) -> tuple[object, Marks]:
        if event.tag not in ("!", "tag:yaml.org,2002:str"):
            self._refuse(_start(event), "a tag stands here", "Leave out what begins with an exclamation mark.")
            return None, _start(event)
        return getattr(event, "value", None), _start(event)

    def _mapping(self, start: MappingStartEvent, depth: int) -> tuple[object, Marks]:
        values: dict[str, object] = {}
        marks: dict[str, tuple[Position, Marks]] = {}
        fetch = self._next
        while type(event := fetch()) is not MappingEndEvent:
            if type(event) is ScalarEvent:
                key, position = event.value, _start(event)
                self._elements += 1
            else:
                key, position = None, _start(event)
                self._refuse(position, "a name has parts", "Write one name before each colon, as in `port: 3000`.")
                self._node(event, depth)
            value, mark = self._node(fetch(), depth)
            if key in values:
                first = line_and_column(marks[key][0])[0]
                self._refuse(position, f"a key is given twice, the first time on line {first}", "Keep one of the two.")
            elif key is not None:
                values[key] = value
                marks[key] = position, mark
        return values, (_start(start), marks)

    def _sequence(self, start: SequenceStartEvent, depth: int) -> tuple[object, Marks]:
        values: list[object] = []
        marks: list[Marks] = []
        while type(event := self._next()) is not SequenceEndEvent:
            value, mark = self._node(event, depth)
            values.append(value)
            marks.append(mark)
        return values, (_start(start), marks)


def _start(event: Any) -> Position:
    mark = event.start_mark
    return int(mark.line * COLUMNS + mark.column)


def _position_of(text: str, index: int) -> Position:
    line = text.count("\n", 0, index)
    return line * COLUMNS + index - (text.rfind("\n", 0, index) + 1)
