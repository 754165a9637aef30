"""Reads the settings file: YAML 1.2 with the safe loader.

No tag runs code, ``no`` is a string, a key given twice is an error, and an alias is refused.  Messages name lines of
the file and never repeat its text, which can be a secret.

Bounds: ``FILE_LIMIT`` bytes, and ``DEPTH_LIMIT`` levels, which are counted while the file is read.
"""

from collections.abc import Iterator
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.scanner import Scanner

from sellia.errors import SettingsError
from sellia.settings.given import Given, Rank, Trail, read_text
from sellia.text import printable

#: Levels of lists and mappings in a settings file.  Settings have four: all, a group, a rate, its burst.
DEPTH_LIMIT: Final = 16

_ONE_NAME: Final = "Write one name before each colon, as in `port: 3000`."


def from_file(path: str) -> dict[str, Given]:
    """Return what the settings file at ``path`` gives, by the names of its top level.  Raises `SettingsError`."""
    shown = printable(path)
    text = read_text(path, "--config")
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
        hint = f"No setting is more than {DEPTH_LIMIT} levels deep."
        raise _bad_yaml(shown, error, "nested too deeply", hint) from None
    except (YAMLError, ValueError) as error:
        hint = "Use two spaces to indent, a space after each colon, and quotes around values with : # * & ! { or [."
        raise _bad_yaml(shown, error, "is not valid YAML", hint) from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise SettingsError(f"{shown} is not a list of settings", "Write one setting on each line, as in `port: 3000`.")
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
    """Scanner of ruamel.yaml that stops where the file gets too deep.

    It looks ahead by a thousand bytes, in a time that grows with the square of how deep they are nested, and what
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


def _bad_yaml(shown: str, error: Exception, line: str, hint: str) -> SettingsError:
    """Make the error with the line, without the loader's own message, which can repeat the text of the file."""
    mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
    where = f"{shown}, line {mark.line + 1}" if mark is not None else shown
    return SettingsError(f"{where}: {line}", hint)


def _places(node: Node, shown: str, trail: Trail, met: set[int]) -> Iterator[tuple[Trail, str]]:
    """Yield the place of every part of the document, as ``sellia.yaml, line 3: tunnels[0].port``.

    ``met`` are the parts so far.  One that is met again stands in two places, by an alias; such a document could be
    without end, or larger than any memory, so aliases are refused.
    """
    line = f"{shown}, line {node.start_mark.line + 1}"
    if id(node) in met:
        raise SettingsError(f"{line}: an alias refers to this", "Write it out where it is needed, without & and *.")
    met.add(id(node))
    if trail:
        name = "".join(f"[{step}]" if isinstance(step, int) else f".{printable(step)}" for step in trail)[1:]
        yield trail, f"{line}: {name}"
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                where = f"{shown}, line {key.start_mark.line + 1}"
                raise SettingsError(
                    f"{where}: a name has parts", "Write one name before each colon, as in `port: 3000`."
                )
            yield from _places(value, shown, (*trail, str(key.value)), met)
    elif isinstance(node, SequenceNode):
        for index, value in enumerate(node.value):
            yield from _places(value, shown, (*trail, index), met)
