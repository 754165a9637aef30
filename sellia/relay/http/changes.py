"""Changes to header fields that settings ask for: fields to remove, to set and to add, in this order.

What frames a message, belongs to one connection, or is decided by other settings cannot be changed
(`checked_name`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sellia.protocol.messages import Headers
from sellia.relay.http.field_rules import CONNECTION, HOP, NO_NAME, RULES, SELLIA, TE, UPGRADE
from sellia.relay.http.validation import check_values

#: Most fields of one list, and most bytes of a name or a value.
CHANGES_LIMIT: Final = 64
VALUE_LIMIT: Final = 4096

_FRAMING: Final = frozenset(
    (b"host", b"content-length", b"trailer", b"expect", b"sec-websocket-key", b"sec-websocket-accept")
    + (b"sec-websocket-version", b"sec-websocket-extensions", b"sec-websocket-protocol")
)
_HOPS: Final = frozenset((HOP, CONNECTION, TE, UPGRADE, SELLIA))


@dataclass(frozen=True, slots=True)
class Changes:
    """Fields to remove, by lower-case name; to set, whatever there was; to add."""

    remove: frozenset[bytes] = frozenset()
    set: tuple[tuple[bytes, bytes], ...] = ()
    add: tuple[tuple[bytes, bytes], ...] = ()

    def apply(self, headers: Headers) -> Headers:
        """Return the fields as they are after the changes: those that are set stand where the first of them stood."""
        gone = self.remove
        wanted = {name.lower(): (name, value) for name, value in self.set}
        kept: Headers = []
        put: set[bytes] = set()
        for pair in headers:
            folded = pair[0].lower()
            if folded in wanted:
                if folded not in put:
                    put.add(folded)
                    kept.append(wanted[folded])
            elif folded not in gone:
                kept.append(pair)
        kept += [pair for folded, pair in wanted.items() if folded not in put]
        kept += self.add
        return kept


NO_CHANGES: Final = Changes()


def changes_of(remove: Iterable[str], put: Mapping[str, str], add: Mapping[str, str]) -> Changes:
    """Return the changes that settings describe.  Raises ValueError for the first that cannot be made."""
    made = Changes(
        frozenset(checked_name(name).lower() for name in remove),
        tuple((checked_name(name), checked_value(name, value)) for name, value in put.items()),
        tuple((checked_name(name), checked_value(name, value)) for name, value in add.items()),
    )
    if max(len(made.remove), len(made.set), len(made.add)) > CHANGES_LIMIT:
        raise ValueError(f"more than {CHANGES_LIMIT} fields")
    return made if made != NO_CHANGES else NO_CHANGES


def checked_name(name: str) -> bytes:
    """Return the name of a field that settings may change.  Raises ValueError for what is none, or is not for them."""
    spelt = name.encode("utf-8", "surrogateescape")
    rule = RULES[spelt] if len(spelt) <= VALUE_LIMIT else NO_NAME
    if rule == NO_NAME:
        raise ValueError("is not the name of a header field")
    if rule in _HOPS or spelt.lower() in _FRAMING:
        raise ValueError("is written by Sellia itself")
    return spelt


def checked_value(name: str, value: str) -> bytes:
    """Return the value of a field.  Raises ValueError for one that no field can have."""
    spelt = value.strip(" \t").encode("utf-8", "surrogateescape")
    if len(spelt) > VALUE_LIMIT:
        raise ValueError(f"has a value of more than {VALUE_LIMIT} bytes")
    try:
        check_values([spelt])
    except ValueError:
        raise ValueError("has a value with a line break or another control character in it") from None
    return spelt
