"""Matching of a filter's values: texts with ``*``, alternatives, sizes, times, and texts within bytes."""

import re
from collections.abc import Callable
from fnmatch import translate
from typing import Final

from sellia.errors import SelliaError
from sellia.text import printable, sentence

_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(b|k|kb|kib|m|mb|mib)?", re.IGNORECASE)
_TIME: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|min)?", re.IGNORECASE)

_UNITS: Final = {"b": 1, "k": 1 << 10, "m": 1 << 20}
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0}


class FilterError(SelliaError):
    """A filter that cannot be read; the message says what is wrong with it, and what can be typed."""

    def __init__(self, words: str) -> None:
        super().__init__(sentence(words))


def values_of(text: str) -> list[str]:
    """Return the alternatives of a value, without quotation marks."""
    found, at, current = [], 0, ""
    while at < len(text):
        quoted = _QUOTED.match(text, at)
        if quoted is not None:
            current += re.sub(r"\\(.)", r"\1", quoted[1])
            at = quoted.end()
        elif text[at] == ",":
            found.append(current)
            current, at = "", at + 1
        else:
            current += text[at]
            at += 1
    return [each for each in (*found, current) if each]


def matcher(text: str, *, whole: bool = False) -> Callable[[str], bool]:
    """Return a test for texts: that they contain the value, or are it; ``*`` stands for any text."""
    wanted = [each.lower() for each in values_of(text)]
    patterns = [re.compile(_wild(each, whole)) for each in wanted if "*" in each]
    plain = [each for each in wanted if "*" not in each]

    def test(found: str) -> bool:
        lower = found.lower()
        if any(lower == each if whole else each in lower for each in plain):
            return True
        return any(pattern.match(lower) is not None for pattern in patterns)

    return test


def _wild(value: str, whole: bool) -> str:
    """Return a pattern for a value with asterisks, which cannot backtrack for long: each is as short as can be."""
    escaped = value.replace("[", "[[]").replace("?", "[?]")
    return translate(escaped if whole else f"*{escaped.strip('*')}*")


def size_of(name: str, text: str) -> int:
    """Return a size in bytes.  Raises FilterError."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise FilterError(f'"{printable(text, 40)}" is no size for {name}: write bytes, or 10k, or 1.5M')
    return int(float(match[1]) * _UNITS[(match[2] or "b")[0].lower()])


def seconds_of(name: str, text: str) -> float:
    """Return a time in seconds.  Raises FilterError."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise FilterError(f'"{printable(text, 40)}" is no time for {name}: write 500ms, 2s or 1m')
    return float(match[1]) * _SECONDS[(match[2] or "s").lower()]


class Searched:
    """Texts that are looked for in bytes."""

    def __init__(self, value: str) -> None:
        self._ascii = [each.lower().encode() for each in values_of(value) if each.isascii()]
        self._other = [each.casefold() for each in values_of(value) if not each.isascii()]

    def __call__(self, data: bytes) -> bool:
        if self._ascii:
            lower = data.lower()
            if any(each in lower for each in self._ascii):
                return True
        if self._other:
            text = data.decode("utf-8", "replace").casefold()
            return any(each in text for each in self._other)
        return False
