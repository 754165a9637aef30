"""What differs between the settings of a running client and those that were read again.

A setting of ``AT_ONCE`` counts from then on.  Where one of ``LINK`` differs, which say whom the client is linked to and
as whom, nothing changes at all: tunnels that were written for one server must not be opened at another.  All others
keep their value until the client is started anew, and are named.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sellia.client.settings import ClientSettings, TunnelSettings
from sellia.errors import SettingsError
from sellia.settings import Settings

#: Settings whose new value counts at once, or from the next link on.
AT_ONCE: Final = frozenset(("service_connect_timeout", "drain_timeout", "ping_interval", "ping_timeout"))

#: Settings that say which server the client is linked to, how, and as whom.
LINK: Final = frozenset(("server", "api_key", "ca", "proxy"))

#: Settings that others were made of: these have been compared.
_SOURCES: Final = frozenset(("tunnels", "defaults", "profile", "profiles"))

#: Settings of a tunnel that mean nothing once it is open.
_IDLE: Final = frozenset(("name", "autostart"))


@dataclass(slots=True)
class Changes:
    """Names of tunnels that were opened, closed and altered; of settings that changed, and that wait for a restart."""

    opened: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)

    def add(self, others: "Changes") -> None:
        """Add the names of ``others``."""
        for name, names in others.as_json().items():
            getattr(self, name).extend(names)

    def as_json(self) -> dict[str, Any]:
        """Return them as they are answered on the control socket."""
        return {name: list(getattr(self, name)) for name in ("opened", "closed", "altered", "changed", "waiting")}

    @property
    def rebuild(self) -> bool:
        """Whether a setting has changed that the services of all tunnels share."""
        return ClientSettings.path("service_connect_timeout") in self.changed

    def __str__(self) -> str:
        """Return them as a sentence without its full stop."""
        told = [f"{name} {', '.join(names)}" for name, names in self.as_json().items() if names and name != "waiting"]
        if self.waiting:
            told.append(f"{', '.join(self.waiting)} after a restart only")
        return "; ".join(told) or "nothing has changed"


def compare(running: ClientSettings, wanted: ClientSettings) -> tuple[ClientSettings, Changes]:
    """Return the settings that the client is to have, and which besides the tunnels differ.

    Raises SettingsError where one does that says whom the client is linked to.
    """
    names = [name for name in ClientSettings.model_fields if name not in _SOURCES and _differs(running, wanted, name)]
    link = [ClientSettings.path(name) for name in names if name in LINK]
    if link:
        raise SettingsError(
            f"{', '.join(link)} cannot change while the client runs, and nothing else has been changed",
            "End the client and start it anew: sellia stop, then as before.",
        )
    kept = {name: getattr(running, name) for name in names if name not in AT_ONCE}
    changed = [ClientSettings.path(name) for name in names if name in AT_ONCE]
    return wanted.model_copy(update=kept), Changes(changed=changed, waiting=[*map(ClientSettings.path, kept)])


def differ(one: TunnelSettings, other: TunnelSettings) -> bool:
    """Return whether a tunnel has to be altered to have other settings."""
    return any(_differs(one, other, name) for name in TunnelSettings.model_fields if name not in _IDLE)


def keyed(tunnels: Sequence[TunnelSettings]) -> dict[str, TunnelSettings]:
    """Return tunnels by what tells them from each other: their name, else their subdomain, else their number."""
    found: dict[str, TunnelSettings] = {}
    for number, tunnel in enumerate(tunnels, 1):
        key = tunnel.name or tunnel.subdomain or str(number)
        found[key if key not in found else f"{key}#{number}"] = tunnel
    return found


def _differs(one: Settings, other: Settings, name: str) -> bool:
    return bool(getattr(one, name) != getattr(other, name))
