"""Which server counts, and which key goes to it.

A key goes to the server that it was given for: a flag's to whatever server counts, because the user has just typed it;
one from the environment or from a file to the server that stands beside it (``SELLIA_SERVER``, the same file, the same
profile), or, where none does, to any server but one that only a project's file names.  Where no key is left, the one
that is stored for the server counts.  Where no server is named, the only one for which a key is stored counts.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from pydantic_core import PydanticCustomError

from sellia.client.settings.values import checked_server
from sellia.errors import SettingsError
from sellia.settings import Findings, Given, Origin, Rank
from sellia.text import printable

#: Settings that a profile has, and that take the place of those at the top level of the file.
OF_PROFILE: Final = ("server", "api_key", "ca", "proxy")


class KnownServers(Protocol):
    """Servers for which the user has stored a key."""

    def knows(self, server: str) -> bool:
        """Return whether a key is stored for a server."""

    def find(self, server: str) -> str | None:
        """Return the key that is stored for a server, or None.  Raises SettingsError for one that cannot be used."""

    def place(self, server: str) -> str:
        """Return where the key of a server is, for people."""

    def servers(self) -> list[str]:
        """Return the URLs of all of them.  Raises SettingsError where they cannot be trusted."""

    def agreed(self, file: str, server: str) -> bool:
        """Return whether the user has agreed to a server that the settings file of a project names."""


class Nobody:
    """No server is known."""

    def knows(self, server: str) -> bool:
        return False

    def find(self, server: str) -> str | None:
        return None

    def place(self, server: str) -> str:
        return ""

    def servers(self) -> list[str]:
        return []

    def agreed(self, file: str, server: str) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it was given, with the server beside it."""

    given: Given
    server: Given | None

    def fits(self, server: Given, own: Sequence[Given]) -> bool:
        """Return whether it may go to that server; ``own`` are the servers of the user's own files."""
        if self.given.rank is Rank.FLAG:
            return True
        if self.server is None:
            return server.rank is not Rank.PROJECT or any(same_server(server, each) for each in own)
        return same_server(self.server, server)


def same_server(one: Given, other: Given) -> bool:
    """Return whether two settings name the same server, however they spell it."""
    urls = _url(one), _url(other)
    return urls[0] is not None and urls[0] == urls[1]


def apply_profile(given: dict[str, Given], findings: Findings) -> Rank:
    """Put the settings of the profile that is chosen in the place of those of files; return who has chosen it.

    They count for as much as the choice: a profile that a flag names wins over variables.
    """
    chosen = given.get("profile")
    if chosen is None:
        return Rank.DEFAULT
    profiles = given["profiles"].inside() if "profiles" in given else {}
    profile = profiles.get(str(chosen.value))
    if profile is None:
        findings.add(_no_profile(chosen, sorted(profiles)))
        return chosen.rank
    for name in OF_PROFILE:
        each, there = profile.inside().get(name), given.get(name)
        counts = there is None or there.rank.is_file or there.rank < chosen.rank
        if each is not None and counts:
            given[name] = each
    return chosen.rank


def apply_server(given: dict[str, Given], known: KnownServers, findings: Findings) -> None:
    """Choose the server where nobody has said which: the only one for which a key is stored."""
    if "server" in given or findings.faults:
        return
    with findings.collecting():
        stored = known.servers()
        if len(stored) == 1:
            given["server"] = Given(stored[0], Origin(Rank.USER, "", known.place(stored[0])))
            return
        ways = "Give --server https://example.com or SELLIA_SERVER, or log in to it once with `sellia auth login`."
        hint = f"{ways} `sellia server` runs one."
        if stored:
            hint = f"Keys are stored for {', '.join(stored)}: name one with --server or SELLIA_SERVER."
        raise SettingsError("it is not said which server to connect to", hint, missing=True)


def apply_key(
    given: dict[str, Given], keys: Sequence[Key], own: Sequence[Given], known: KnownServers, findings: Findings
) -> None:
    """Choose the key for the server that counts; ``keys`` are those that were given, the strongest first.

    ``own`` are the servers that the user's own files name.
    """
    given.pop("api_key", None)
    server = given.get("server")
    url = _url(server) if server is not None else None
    for key in keys:
        if server is None or key.fits(server, own):
            given["api_key"] = key.given
            return
    if keys and url is not None:
        findings.cautions.append(_kept_back(keys[0], url))
    if url is not None:
        with findings.collecting():
            stored = known.find(url)
            if stored is not None:
                given["api_key"] = Given(stored, Origin(Rank.USER, "", known.place(url)))


def check_server(
    given: Mapping[str, Given],
    own: Sequence[Given],
    known: KnownServers,
    findings: Findings,
) -> None:
    """Refuse a server that a project's file supplies and the user does not know; ``own`` are those of own files."""
    server = given.get("server")
    url = _url(server) if server is not None else None
    if server is None or url is None or server.rank is not Rank.PROJECT:
        return
    with findings.collecting():
        familiar = known.knows(url) or any(same_server(server, each) for each in own)
        if not familiar and not known.agreed(server.path, url):
            findings.add(UnknownServer(server.origin, url))


class UnknownServer(SettingsError):
    """A project's file supplies a server for which the user has no key stored."""

    def __init__(self, origin: Origin, server: str) -> None:
        hint = (
            f"If you trust it, log in to it, which is needed once: `sellia auth login --server {server}`. "
            f"Or name it yourself: --server {server}"
        )
        whole = origin.fault(f"this project wants its tunnels to go through {server}, for which no key is stored", hint)
        super().__init__(whole.line, whole.hint, whole.at)
        self.server = server
        self.file = origin.path


def _kept_back(key: Key, url: str) -> str:
    where = key.given.place
    if key.server is not None:
        return f"{where}: this key is not sent to {url}, because it was given for {printable(str(key.server.value))}."
    return f"{where}: this key is not sent to {url}, which only the project's file names: say --server {url} as well."


def _no_profile(chosen: Given, names: Sequence[str]) -> SettingsError:
    shown = printable(str(chosen.value))[:80]
    near = difflib.get_close_matches(str(chosen.value), names, n=1)
    hint = f"Did you mean {printable(near[0])}?" if near else f"The profiles are: {printable(', '.join(names))}."
    if not names:
        hint = "Describe it in your file: `profiles: {work: {server: https://tunnel.example.com}}`."
    return chosen.origin.fault(f"there is no profile {shown}", hint)


def _url(server: Given) -> str | None:
    try:
        return checked_server(server.value) if isinstance(server.value, str) else None
    except PydanticCustomError:
        return None
