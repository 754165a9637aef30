"""Text from outside, made safe to show: in a log, on a terminal, in an answer, in a message about a setting.

What is not printable (control characters, escape sequences, line separators, characters that change the direction of
writing or have no width, lone surrogates) comes out as Python spells it in a string: what is shown is what is there,
on one line.
"""

from typing import Final

#: Characters of a text from outside that are shown at most.
SHOWN: Final = 512


def printable(text: str | bytes, limit: int = SHOWN) -> str:
    """``text`` on one line, without anything that a terminal would act on; an ellipsis behind ``limit`` characters.

    Octets are read as UTF-8; what is none is escaped.  Backslashes are left as they are.
    """
    if isinstance(text, bytes):
        text = text[: limit * 4 + 4].decode("utf-8", "backslashreplace")
    if len(text) > limit:
        text = text[:limit] + "…"
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)
