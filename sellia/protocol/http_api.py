"""Answers of a server's HTTP API, as JSON objects: ``docs/http-api.rst`` describes them.

Fields are only ever added, each with a default, and who reads an answer ignores those that it does not know.
"""

from typing import Final

import msgspec

from sellia.protocol.messages import SUBPROTOCOL, VERSION

#: Path below which the API is, on the base domain.
API_PATH: Final = "/api/v1/"

#: Paths of what can be asked.
VERSION_PATH: Final = API_PATH + "version"
KEY_PATH: Final = API_PATH + "key"

#: Names of the dialects.
NATIVE: Final = "native"
ORIGINAL: Final = "original"

#: Pattern of names that stands for all of them.
ANY_NAME: Final = "*"


class Dialect(msgspec.Struct, frozen=True):
    """How sessions are spelled on links: the subprotocol that is offered for it, if one is, and its versions."""

    subprotocol: str | None = None
    versions: list[int] = []


class VersionReport(msgspec.Struct, frozen=True):
    """What a server is, and how clients may talk to it."""

    version: str
    dialects: dict[str, Dialect]
    kinds: list[str] = []  #: kinds of tunnels that it has
    key_required: bool = False  #: whether only those who have a key may open tunnels

    @property
    def fits(self) -> bool:
        """Whether a client of this version can open tunnels there."""
        native = self.dialects.get(NATIVE)
        return native is not None and native.subprotocol == SUBPROTOCOL and VERSION in native.versions


class KeyLimits(msgspec.Struct, frozen=True):
    """Most that the owner of a key may have at once."""

    clients: int = 0
    tunnels: int = 0
    tunnels_per_client: int = 0


class KeyUse(msgspec.Struct, frozen=True):
    """What the owner of a key has at the moment, on all machines together."""

    clients: int = 0
    tunnels: int = 0


class KeyReport(msgspec.Struct, frozen=True):
    """What somebody may do with the key that was shown, or without one where none is required."""

    key_required: bool
    scopes: list[str] = []  #: kinds of tunnels that it may open, and what it may ask of the admin API
    names: list[str] = []  #: names that it may ask for; `ANY_NAME` for all
    expires_at: str | None = None  #: RFC 3339; None for a key that does not expire
    limits: KeyLimits = KeyLimits()
    in_use: KeyUse = KeyUse()
    account: str = ""  #: name of its account; empty where there are none
    prefix: str = ""  #: the beginning of the key, by which its owner knows it
