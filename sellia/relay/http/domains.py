"""Domains of owners' own, such as ``shop.example.org``: their labels, and the DNS records that show whose they are.

Need
    A name below the server's domain is anybody's who comes first.  A domain of somebody's own is not: who gets it gets
    its visitors, their cookies and certificates.  So it is given to an owner who has shown control of it in the DNS.

Records
    Either of two is enough: a TXT record below ``_sellia.`` that says the owner's token, or a CNAME record that leads
    to the server.  Where a server has several owners, the CNAME has to lead to a name with the token in it: one that
    its owner has forgotten would else give the domain to whoever asks for it next.

    The token is no secret, and different for each owner, domain and server.  It stays the same for as long as an owner
    is the same, so records last.

Bounds
    ``DOMAINS`` of one tunnel.
"""

import re
from base64 import b32encode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from sellia.relay.families import WILDCARD
from sellia.relay.http.hosts import NAME_LENGTH, canonical_domain, is_address

#: Domains of one tunnel.
DOMAINS: Final = 16

#: What stands in front of a domain in the name of its TXT record.
PREFIX: Final = "_sellia."

#: A token: a label of the DNS, with 130 bits of a hash.
_MARK: Final = "sellia-"
_LENGTH: Final = 26

_LABEL: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


def checked_domain(text: str) -> str:
    """Return a domain name, or a wildcard of one, in lower case.  Raises ValueError, with a sentence's end about it."""
    if not text.isascii():
        raise ValueError("is not a domain name in ASCII: write other letters as an A-label (xn--...)")
    name = text.lower().removesuffix(".")
    labels = name.removeprefix(WILDCARD).split(".")
    if len(name) > NAME_LENGTH - len(PREFIX) or not all(_LABEL.fullmatch(each) for each in labels):
        raise ValueError("is not a domain name, such as shop.example.org or *.example.org")
    if len(labels) < 2 or labels[-1] == "localhost" or is_address(name):
        raise ValueError("is not a domain of somebody's own, such as shop.example.org")
    return name


def domain_label(domain: str) -> str:
    """Return the label of a domain in the registry, which ends with a dot as names of the DNS do that are complete."""
    return f"{domain}."


def domain_of(label: str) -> str:
    """Return the domain that a label stands for; empty for other names."""
    return label[:-1] if label.endswith(".") else ""


def token_of(identity: str, server: str, domain: str) -> str:
    """Return what an owner's record for a domain says; ``identity`` tells it from other owners of the server."""
    spelled = "\0".join((server, identity, domain.removeprefix(WILDCARD)))
    return _MARK + b32encode(sha256(spelled.encode()).digest()).decode("ascii").lower()[:_LENGTH]


@dataclass(frozen=True, slots=True)
class Records:
    """The records that show control of ``domain`` to the server whose domain is ``server``.

    ``alone``: the server has one owner, so that a CNAME to any of its names will do.
    """

    domain: str
    server: str
    token: str
    alone: bool

    @property
    def text_name(self) -> str:
        """The name of the TXT record."""
        return PREFIX + self.domain.removeprefix(WILDCARD)

    @property
    def target(self) -> str:
        """Where the CNAME record leads."""
        return self.server if self.alone else f"{self.token}.{self.server}"

    def in_texts(self, texts: Iterable[str]) -> bool:
        """Return whether one of these TXT records says the token."""
        return any(each.strip().lower() == self.token for each in texts)

    def leads_here(self, target: str) -> bool:
        """Return whether a CNAME to that name shows control."""
        try:
            name = canonical_domain(target)
        except ValueError:
            return False
        return name == self.target or (self.alone and name.endswith(f".{self.server}"))

    @property
    def advice(self) -> str:
        """What to do, for people."""
        return (
            f"Make one of these DNS records, and try again: {self.domain} CNAME {self.target}, or {self.text_name} TXT "
            f"{self.token}. With the latter, the domain itself has to lead to this server as well."
        )
