"""Text from outside, made safe to show: in a log, on a terminal, in an answer, in a message about a setting.

What is not printable (control characters, escape sequences, line separators, characters that change the direction of
writing or have no width, lone surrogates) comes out as Python spells it in a string: what is shown is what is there,
on one line.

A log has ``name=value`` fields, and `field` is how every value from outside gets into one.  Two more rules hold for a
log, which others read than those whom a secret is for: what has a place for credentials is shown without them
(`shown_target`, `shown_host`, `shown_subprotocol`), and what looks like a credential is not shown wherever it stands.
"""

import re
from typing import Final

#: Most characters of a text from outside that are shown.
SHOWN: Final = 512


def decoded(data: bytes) -> str:
    """Return bytes as text, for programs: read as UTF-8, with invalid sequences escaped as in ``\\xff``."""
    return data.decode("utf-8", "backslashreplace")


def printable(text: str | bytes, limit: int = SHOWN) -> str:
    """Return ``text`` on one line, without what a terminal would act on; an ellipsis after ``limit`` characters.

    Bytes are decoded as UTF-8; invalid sequences are escaped.  Backslashes are left as they are.
    """
    if isinstance(text, bytes):
        text = text[: limit * 4 + 4].decode("utf-8", "backslashreplace")
    if len(text) > limit:
        text = text[:limit] + "…"
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)


def shown_target(target: str | bytes) -> str:
    """Return a request's target for a log: `printable`, without the query, and without what stands before a host.

    Queries carry tokens (of a dev server's WebSocket, of links in mails, of signed uploads), a log is read by others
    than those whom they are for, and the path alone tells which request it was.  Whoever runs a service sees all of it
    in his own terminal, and in the service's log.
    """
    if isinstance(target, bytes):
        target = target[: SHOWN * 4 + 4].decode("utf-8", "backslashreplace")
    path, query, _ = target.partition("?")
    return without_secrets(printable(_PARAMETERS.sub(";…", _USERINFO.sub("…@", path)))) + ("?…" if query else "")


def shown_host(host: str | bytes) -> str:
    """Return a Host header for a log: `printable`, without a user name and a password, which have no place there."""
    text = host.decode("utf-8", "backslashreplace") if isinstance(host, bytes) else host
    return printable("…@" + text.rpartition("@")[2] if "@" in text else text)


def shown_subprotocol(name: str | bytes) -> str:
    """Return a WebSocket subprotocol for people, as far as it looks like a protocol's name; an ellipsis for the rest.

    Browsers let a page set no other field of a handshake, so people put bearer tokens and API keys into this one.  A
    name is made of words, as in ``graphql-transport-ws`` or ``v4.channel.k8s.io``.
    """
    text = name.decode("latin-1") if isinstance(name, bytes) else name
    at = 0
    while at < len(text):
        word = _WORD.match(text, at)
        if word is None or word.end() > _NAME_LENGTH or (len(word[1]) > _CONSONANTS and not _VOWEL.search(word[1])):
            return printable(text[:at]) + "…"
        at = word.end()
    return printable(text)


def without_secrets(text: str) -> str:
    """Return ``text`` with an ellipsis for what looks like a credential: JSON Web Tokens, ``Bearer …``, ``token=…``."""
    return _SECRET.sub(lambda found: (found["name"] or "") + "…", text) if _SECRET.search(text) else text


def field(value: object) -> str:
    """A value as a ``name=value`` field of a log line has it.

    On one line and without secrets; in quotes where it has spaces, quotes or an equals sign in it, so that nothing from
    outside can pass for another field; ``-`` where it is empty.
    """
    text = without_secrets(printable(value if isinstance(value, str | bytes) else str(value)))
    if not text:
        return "-"
    if not _QUOTED.search(text) and text != "-":
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def defect(error: Exception) -> str:
    """Return an exception that shows a fault of Sellia's own, as a field: not its arguments, which may be data."""
    return field(f"{type(error).__name__}: {error}")


def sentence(words: object) -> str:
    """Return an exception's message, or other words, as a sentence: with a capital letter and a full stop."""
    text = str(words)
    return f"{text[:1].upper()}{text[1:]}."


def size_of(amount: int) -> str:
    """Return a number of bytes in the largest unit that keeps it whole: ``16 MiB``, ``1,500 bytes``."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if amount >= unit and not amount % unit:
            return f"{amount // unit:,} {name}"
    return f"{amount:,} byte{'' if amount == 1 else 's'}"


#: Characters that make quotes necessary.
_QUOTED: Final = re.compile(r"""[\s"'=`]""")

#: Credentials that stand in a text: each branch begins with something rare, so most texts are scanned quickly.
_SECRET: Final = re.compile(
    r"""\beyJ[\w-]{6,}\.[\w-]*(?:\.[\w-]*)*
    |(?P<name>(?i:
        \b(?:bearer|basic|negotiate|ntlm)\ +
        |\b[\w-]{0,32}(?:token|secret|passw(?:or)?d|api[-_]?key|sessionid|sid)[=:]\ ?
    ))[^\s&;,"']+""",
    re.VERBOSE,
)

#: A word of a protocol's name, with what separates it from the next: letters of one case or capitalised, with a number
#: of few digits behind them, or such a number alone.
_WORD: Final = re.compile(r"(base64url|[a-z][0-9]{1,2}[a-z]|[A-Z]?[a-z]{0,15}|[A-Z]{1,8})[0-9]{0,3}(?:[-._/:]|$)")
_VOWEL: Final = re.compile(r"[aeiouyAEIOUY]")

#: Letters of a word without a vowel, and characters of a name, at most.
_CONSONANTS: Final = 5
_NAME_LENGTH: Final = 64

#: Parameters of a path's segments (RFC 3986, 3.3): session ids, mostly.
_PARAMETERS: Final = re.compile(r";[^/]*")

#: User name and password in a target in absolute form (RFC 9112, 3.2.2).
_USERINFO: Final = re.compile(r"(?<=//)[^/]*@")
