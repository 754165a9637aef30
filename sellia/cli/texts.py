"""Texts of the command line: what comes from outside made safe to show, sizes, durations, and numbers of things."""

from typing import Final
from unicodedata import category

from sellia.text import printable

#: How much of a text from outside is shown in a line, in characters.
SHOWN: Final = 300

#: Combining characters that a letter may have, as in Hebrew with vowels and accents.
MARKS: Final = 3

#: A piece of a line and how it looks on a terminal that has colours.
Piece = tuple[str, str]


def safe(text: str) -> str:
    """Text from outside as it can be shown; a backslash is doubled, so that nothing can pass for an escape."""
    shown = printable(text[:SHOWN].replace("\\", "\\\\"))
    if not shown.isascii():
        shown = _unstacked(shown)
    return shown + "…" if len(text) > SHOWN else shown


def _unstacked(text: str) -> str:
    """Escape combining characters beyond ``MARKS`` in a row, which would reach into the lines above and below."""
    shown, marks = [], 0
    for each in text:
        marks = marks + 1 if category(each) in ("Mn", "Me") else 0
        shown.append(each if marks <= MARKS else each.encode("unicode_escape").decode("ascii"))
    return "".join(shown)


def size(octets: int) -> str:
    """Octets in the largest unit that leaves at least one before the point: ``512 B``, ``1.4 MiB``."""
    if octets < 1024:
        return f"{octets} B"
    amount = float(octets)
    for unit in ("KiB", "MiB", "GiB"):
        amount /= 1024
        if amount < 1023.95:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1024:.1f} TiB"


def duration(seconds: float) -> str:
    """A duration with three digits or so: ``0.4 ms``, ``35 ms``, ``2.31 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 0.01:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.995:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def plural(count: int, noun: str) -> str:
    """``1 request``, ``1,234 requests``"""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def frames(count: int, octets: int) -> str:
    """``1 frame, 12 B``"""
    return f"{count} frame{'' if count == 1 else 's'}, {size(octets)}"
