"""Reload: a running server takes other settings, without dropping a connection or a session.

Need
    An operator raises a limit, replaces a key or a certificate, or wants to see more in the log, while people work.

Invariants
    * All or nothing: settings that cannot be used, of whatever part, leave everything as it is.
    * What cannot change while the server runs keeps its value, and is named each time until the server is started anew.
    * A server never becomes open to everybody by a mixture of old and new settings that nobody wrote down: what comes
      out of it is checked as at a start (`check_door`).
    * No secret is logged: of one it is said that it is another.

What changes when
    Keys and limits count for whatever comes from then on: connections, sessions, names, requests.  What is open stays
    open, also beyond a limit that is lower now, and sessions that were opened with the key before go on, and come back
    after a lost link.  Sessions take their own limits at once; links and WebSockets have those with which they began.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr
from twisted.logger import Logger

from sellia.errors import SettingsError
from sellia.server.listeners.renewal import without_files
from sellia.server.settings import ServerSettings, check_door
from sellia.text import printable

#: Settings that count from the start of a server to its end; of listeners, the certificates can change.
AT_START: Final = (
    "host",
    "port",
    "listen",
    "domain",
    "https",
    "public_port",
    "gateway_path",
    "offer_client",
    "tls_tunnels",
    "state_dir",
    "storage",
    "admin_listen",
    "original_admin",
)

#: Characters of a value that are shown.
_SHOWN: Final = 200

_log = Logger()


@dataclass(frozen=True, slots=True)
class Change:
    """The settings that a server is to run with, and what differs from those that it has.

    ``changed`` and ``waiting`` are names of settings: those that change now, and those that change at the next start.
    """

    settings: ServerSettings
    changed: tuple[str, ...]
    waiting: tuple[str, ...]


def compare(running: ServerSettings, wanted: ServerSettings, *, any_door: bool = False) -> Change:
    """Return what changes when a server with settings ``running`` is to have those ``wanted``.

    Raises SettingsError where what comes of it would be open to everybody, unless ``any_door``.
    """
    names = [name for name in ServerSettings.model_fields if getattr(running, name) != getattr(wanted, name)]
    waiting = tuple(name for name in names if name in AT_START and not _only_files(name, running, wanted))
    kept = {name: getattr(running, name) for name in waiting}
    merged = wanted.model_copy(update=kept)
    if not any_door:
        try:
            check_door(merged)
        except SettingsError as error:
            if not waiting:
                raise
            line = f"{error.line}, until the server is started anew with {_listed(waiting)}"
            raise SettingsError(line, "Start it anew, or change these settings at another time.") from None
    return Change(merged, tuple(name for name in names if name not in waiting), waiting)


def tell(change: Change, running: ServerSettings, wanted: ServerSettings, files: list[str]) -> None:
    """Log what has changed, and what waits for the next start."""
    told = [*_differences(change.changed, running, change.settings)]
    told += [f"certificate {printable(file)}" for file in files]
    _log.info("settings reloaded: {changes}", changes="; ".join(told) or "nothing has changed")
    if change.waiting:
        _log.warn(
            "settings that need a restart: {changes}", changes="; ".join(_differences(change.waiting, running, wanted))
        )
    for caution in wanted.cautions:
        if caution not in running.cautions:
            _log.warn("{caution}", caution=caution)


class Reloader:
    """Has a server read its settings again; ``load`` returns them, ``use`` applies them, and both may refuse.

    ``use`` is set when there is a server.
    """

    def __init__(self, load: Callable[[], ServerSettings]) -> None:
        self._load = load
        self.use: Callable[[ServerSettings], None] | None = None

    def reload(self) -> None:
        """Read the settings and use them, or say in the log why the ones that there are go on."""
        try:
            if self.use is not None:
                self.use(self._load())
        except SettingsError as error:
            _log.error(
                "settings not reloaded, the ones before go on: {line}{hint}",
                line=error.line,
                hint=f" ({error.hint})" if error.hint else "",
            )
        except Exception:
            _log.failure("a defect of Sellia's own: settings not reloaded")


def _only_files(name: str, running: ServerSettings, wanted: ServerSettings) -> bool:
    """Return whether listeners differ in nothing but the files of their certificates."""
    if name != "listen":
        return False
    return [*map(without_files, running.listen)] == [*map(without_files, wanted.listen)]


def _differences(names: tuple[str, ...], before: ServerSettings, after: ServerSettings) -> Iterator[str]:
    for name in names:
        old, new = getattr(before, name), getattr(after, name)
        path = ServerSettings.path(name)
        if isinstance(old, SecretStr) or isinstance(new, SecretStr):
            yield f"{path} is {'another' if old and new else 'set now' if new else 'not set any more'}"
        else:
            yield f"{path} {_shown(old)} -> {_shown(new)}"


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return printable(", ".join(map(str, value)) or "none", _SHOWN)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else printable(f"{value:g}" if isinstance(value, float) else str(value), _SHOWN)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(map(ServerSettings.path, names))
