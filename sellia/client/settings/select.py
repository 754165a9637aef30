"""Chooses which of the tunnels that files describe are opened."""

from collections.abc import Sequence
from difflib import get_close_matches

from sellia.client.settings.model import ClientSettings
from sellia.errors import SettingsError
from sellia.text import printable


class NoSuchTunnel(SettingsError):
    """A tunnel was named that no file describes."""


def choose(settings: ClientSettings, names: Sequence[str], everything: bool = False) -> ClientSettings | None:
    """Return settings with the tunnels that are named, or all; without names, those marked ``autostart``.

    None if there are none of these.  Raises NoSuchTunnel.
    """
    known = [tunnel.name for tunnel in settings.tunnels]
    for name in names:
        if name not in known:
            raise _no_tunnel(name, known)
    chosen = tuple(each for each in settings.tunnels if everything or (each.name in names if names else each.autostart))
    return settings.model_copy(update={"tunnels": chosen}) if chosen else None


def choose_again(settings: ClientSettings, names: Sequence[str], everything: bool = False) -> ClientSettings:
    """Return what `choose` does, of settings that were read again; tunnels that are no longer there are left out.

    Raises SettingsError if none is left.
    """
    known = {tunnel.name for tunnel in settings.tunnels}
    left = [name for name in names if name in known]
    chosen = choose(settings, left, everything) if left or not names else None
    if chosen is None:
        raise SettingsError(
            "none of the tunnels that this client was started with is described any more",
            "End the client with `sellia stop`, or describe one of them again.",
        )
    return chosen


def _no_tunnel(name: str, known: Sequence[str]) -> NoSuchTunnel:
    near = get_close_matches(name, known, n=1)
    hint = f"Did you mean {printable(near[0])}?" if near else f"The tunnels are: {printable(', '.join(known), 400)}."
    return NoSuchTunnel(f"there is no tunnel {printable(name)[:80]} in the settings", hint)
