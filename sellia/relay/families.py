"""Families of names: a name with all names below it, such as ``myapp``, ``api.myapp`` and the wildcard ``*.myapp``.

Need
    A wildcard belongs to whoever has the name above it, and nobody else can have a name that it stands for: cookies,
    certificates and links of a site with subdomains take them for one.

Invariants
    * A name below the server's domain is in the family of its last label.
    * A name of somebody's own domain, which is written with a dot at its end, is a family of its own: each is proven by
      itself (`sellia.server.gateway.domains`).

Bounds
    As many names as the registry has, bound or held.
"""

from collections.abc import Iterator
from typing import Final

#: Beginning of a wildcard, which stands for all names below what follows that nobody has by themselves.
WILDCARD: Final = "*."


def wildcards_of(name: str) -> Iterator[str]:
    """Yield the wildcards that stand for a name, the narrowest first: ``*.b.c`` and ``*.c`` for ``a.b.c``."""
    _, dot, rest = name.removeprefix(WILDCARD).partition(".")
    while dot and rest:
        yield WILDCARD + rest
        _, dot, rest = rest.partition(".")


def family_of(name: str) -> str:
    """Return the name that decides whose a name is."""
    return name if name.endswith(".") else name.rpartition(".")[2]


class Families:
    """Names below others, by family."""

    def __init__(self) -> None:
        self._below: dict[str, set[str]] = {}

    def __contains__(self, family: str) -> bool:
        """Whether there is a name below this one."""
        return family in self._below

    def add(self, name: str) -> None:
        """Add a name; adding it twice means nothing."""
        family = family_of(name)
        if family != name:
            self._below.setdefault(family, set()).add(name)

    def discard(self, name: str) -> None:
        """Take a name out, if it is there."""
        family = family_of(name)
        names = self._below.get(family)
        if names is not None:
            names.discard(name)
            if not names:
                del self._below[family]

    def relatives(self, name: str) -> Iterator[str]:
        """Yield the other names that decide whose this one is, had by somebody or not."""
        family = family_of(name)
        for each in (family, *self._below.get(family, ())):
            if each != name:
                yield each

    def check_invariants(self, names: set[str]) -> None:
        """Raise AssertionError unless it has just what is below others of these names; for tests."""
        assert {name for below in self._below.values() for name in below} == {
            name for name in names if family_of(name) != name
        }
        assert all(self._below.values())
