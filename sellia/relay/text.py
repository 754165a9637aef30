"""Text from outside, made safe to show in a log or on a terminal.

Control characters (C0, C1), escape sequences, line and paragraph separators, and the characters that change the
direction of writing come out as ``\\xNN`` or ``\\uNNNN``: what is shown is what is there, on one line.
"""

import re
from typing import Final

#: Characters of a text from outside that are shown at most.
SHOWN: Final = 512

_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]"
)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def printable(text: str | bytes, limit: int = SHOWN) -> str:
    """``text`` on one line, without anything that a terminal would act on, cut at ``limit`` characters."""
    if isinstance(text, bytes):
        text = text[: limit * 4].decode("utf-8", "backslashreplace")
    if len(text) > limit:
        text = text[:limit] + "…"
    return _UNSAFE.sub(_escaped, text)
