"""Text from outside, made safe to show: in a log, on a terminal, in an answer, in a message about a setting.

What is not printable (control characters, escape sequences, line separators, characters that change the direction of
writing or have no width, lone surrogates) comes out as Python spells it in a string: what is shown is what is there,
on one line.
"""

import re
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


def shown_target(target: str | bytes) -> str:
    """A request's target for a log: `printable`, without the query, and without what stands before a host.

    Queries carry tokens (of a dev server's WebSocket, of links in mails, of signed uploads), a log is read by others
    than those whom they are for, and the path alone tells which request it was.  Whoever runs a service sees all of it
    in his own terminal, and in the service's log.
    """
    if isinstance(target, bytes):
        target = target[: SHOWN * 4 + 4].decode("utf-8", "backslashreplace")
    path, query, _ = target.partition("?")
    return printable(_USERINFO.sub("…@", path)) + ("?…" if query else "")


def shown_host(host: str | bytes) -> str:
    """A Host header for a log: `printable`, without a user name and a password, which have no place there."""
    text = host.decode("utf-8", "backslashreplace") if isinstance(host, bytes) else host
    return printable("…@" + text.rpartition("@")[2] if "@" in text else text)


#: User name and password in a target in absolute form (RFC 9112, 3.2.2).
_USERINFO: Final = re.compile(r"(?<=//)[^/]*@")
