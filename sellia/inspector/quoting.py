"""Quoting for bash, PowerShell and cmd.exe: whatever a visitor sent, nothing of it is run.

bash
    ``'…'`` for printable text, ``$'…'`` (ANSI-C quoting) for the rest.  No argument can hold a NUL.
cmd.exe
    The C runtime's rules make one argument of it, and a caret in front of everything that cmd.exe acts on keeps it from
    that, the quotation marks themselves included, so that cmd.exe sees no quoted part at all.  Per cent signs: in a
    console ``%^NAME%`` names no variable.  No line breaks.
PowerShell
    How it passes quotation marks to a program differs by version, so curl reads a configuration file, and the text of
    that is a here-string in which nothing is special but ``'@`` at the beginning of a line.
"""

import re
from typing import Final

_SAFE: Final = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
_ESCAPES: Final = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 39: "\\'", 92: "\\\\"}
_CONFIG: Final = {"\\": "\\\\", '"': '\\"', "\t": "\\t", "\n": "\\n", "\r": "\\r", "\v": "\\v"}


def bash(text: str | bytes) -> str:
    """Return an argument for bash.  Raises ValueError for one with a NUL."""
    data = text.encode("utf-8") if isinstance(text, str) else text
    if b"\0" in data:
        raise ValueError("no argument can hold a NUL")
    try:
        shown = data.decode("utf-8")
    except UnicodeDecodeError:
        shown = ""
    if shown and _SAFE.fullmatch(shown):
        return shown
    if not data or (shown and shown.isprintable()):
        return "'" + shown.replace("'", "'\\''") + "'"
    return "$'" + "".join(map(_ansi_c, data)) + "'"


def _ansi_c(byte: int) -> str:
    if byte in _ESCAPES:
        return _ESCAPES[byte]
    return chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}"


def cmd(text: str) -> str:
    """Return an argument for cmd.exe's console.  Raises ValueError for one with a line break or another control."""
    if any(ord(each) < 32 or ord(each) == 127 for each in text):
        raise ValueError("no argument of cmd.exe can hold control characters")
    if _SAFE.fullmatch(text) and "%" not in text and "," not in text and "=" not in text:
        return text
    quoted = '"' + re.sub(r'(\\*)"', r'\1\1\\"', text)
    tail = len(text) - len(text.rstrip("\\"))
    quoted += "\\" * tail + '"'
    return re.sub(r'([\^"&|<>()%!,;=])', r"^\1", quoted)


def config(option: str, value: str) -> str:
    """Return a line of curl's configuration file.  Raises ValueError for a value that cannot stand in one."""
    if any((ord(each) < 32 and each not in _CONFIG) or ord(each) == 127 for each in value):
        raise ValueError("curl's configuration has no way to write this character")
    return f'{option} = "' + "".join(_CONFIG.get(each, each) for each in value) + '"'
