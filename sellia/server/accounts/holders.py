"""Holders of names, and names as the registry and the storage spell them.

A holder is an account, the master key, or without an account whoever shows a certain key.  It is the same value again
when the server has been started anew, so names and ports are kept for it.
"""

from hashlib import sha256
from typing import Final, NamedTuple

from sellia.relay.ports import port_of
from sellia.server.accounts.live import Place
from sellia.storage.records import NameKind, ReservedName


class Holder(NamedTuple):
    """The owner of names, as `sellia.server.gateway.keys.Owner` has it: one of the two is given."""

    account_id: str | None
    digest: str = ""  #: what a key is recognised by that belongs to no account


#: The holder of those who have the master key, whichever it is.
OPERATOR: Final = Holder(None, "master key")


def stranger(key: str) -> Holder:
    """Return the holder that a key stands for which belongs to no account."""
    return Holder(None, sha256(b"sellia stranger\0" + key.encode("utf-8", "surrogatepass")).hexdigest())


def holder_of(record: ReservedName) -> Holder:
    """Return whose a stored name is."""
    return Holder(record.account_id) if record.account_id is not None else Holder(None, record.holder)


def place_of(label: str) -> Place:
    """Return how the storage spells a label of the registry."""
    if port_of(label):
        return NameKind.PORT, label.replace(":", "/", 1)
    if label.endswith("."):  # somebody's own domain
        return NameKind.DOMAIN, label[:-1]
    return NameKind.WILDCARD if label.startswith("*.") else NameKind.SUBDOMAIN, label


def label_of(place: Place) -> str:
    """Return the label in the registry of what the storage has."""
    kind, name = place
    if kind is NameKind.DOMAIN:
        return f"{name}."
    return name.replace("/", ":", 1) if kind is NameKind.PORT else name
