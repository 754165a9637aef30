"""``twistd sellia-server``: reads the options, checks them, and puts the server's service together."""

import os
from collections.abc import Callable
from typing import Any, Final

from twisted.application.service import IService
from twisted.logger import Logger

from sellia.errors import SettingsError
from sellia.options import SettingsOptions
from sellia.process import allow_descriptors, take_over
from sellia.server.places import SPARE
from sellia.server.settings import ServerSettings, examine, load
from sellia.settings import SERVER, standing_files
from sellia.text import printable

#: Descriptors for all that is not a connection (listeners, logs, files that are being read), and for spare places.
_OTHERS: Final = 128 + SPARE

#: Connections that are enough for most servers.
_MANY: Final = 5_000

_log = Logger()


class Options(SettingsOptions):
    """The flags of a server; once they are parsed, ``settings`` holds all that was set, from wherever it came."""

    longdesc = (
        "Runs a tunnel server: visitors of NAME.DOMAIN reach the service of the client that opened the tunnel NAME. "
        "What is not given here is taken from the environment (each variable also with _FILE added, for the path of a "
        "file with the value), then from the file that --config names, or else from server.yaml in ~/.config/sellia "
        "and in /etc/sellia, in YAML."
    )
    models = (ServerSettings,)

    settings: ServerSettings

    def postOptions(self) -> None:
        self._files = standing_files(SERVER, os.environ)
        self._directory = os.getcwd()
        sources = self.given, os.environ, self["config"], self._files
        if self["check"]:
            self.leave_with(examine(*sources))
        self.settings = load(*sources)

    def load_again(self) -> ServerSettings:
        """Read the settings again, from the same places.  Raises `SettingsError`.

        A daemon has left the directory in which it was started, so relative paths of files count from there.  A file
        that was read at the start must still be there: without it, other settings would count than anybody has written.
        """
        variables = dict(os.environ)
        for name, value in variables.items():
            if name.startswith("SELLIA_") and name.endswith("_FILE") and value:
                variables[name] = os.path.join(self._directory, value)
        config, files = self["config"], standing_files(SERVER, os.environ)
        if config is not None:
            return _fitting(load(self.given, variables, os.path.join(self._directory, config)))
        gone = {each.path for each in self._files} - {each.path for each in files}
        if gone:
            line = f"{printable(min(gone))} is gone, with which the server was started"
            raise SettingsError(line, "Put it back, or start the server anew without it.")
        return _fitting(load(self.given, variables, None, files))


def makeService(options: Options) -> IService:
    """Make the server, as one service on the reactor that twistd runs."""
    from twisted.internet import reactor

    from sellia.server.reload import Reloader
    from sellia.server.service import make_service
    from sellia.transports.reactor.polling import poll_plainly

    reloader = Reloader(options.load_again)
    memory = take_over(reactor, reload=reloader.reload)
    poll_plainly(reactor)
    try:
        service: Any = make_service(_fitting(options.settings), reactor)
    except SettingsError as error:
        raise SystemExit(f"twistd sellia-server: {error}")  # noqa: B904  `sellia server` looks at the cause
    reloader.use = service.reload
    memory.setServiceParent(service)
    return service


def _fitting(settings: ServerSettings, allow: Callable[[int], int] = allow_descriptors) -> ServerSettings:
    """Return the settings with no more connections and sessions than the process may have descriptors for.

    At that limit the system would refuse connections one by one, those of clients as well, and a line in the log each.
    The default is cut to what there is without a word, as long as that is much.  A quarter is for clients, at least.
    """
    wanted = settings.connections + settings.sessions
    room = max(2, allow(wanted + _OTHERS) - _OTHERS)
    if room >= wanted:
        return settings
    sessions = min(settings.sessions, max(room // 4, room - settings.connections))
    connections = min(settings.connections, room - sessions)
    cut = {"connections"} if connections < settings.connections else set()
    cut |= {"sessions"} if sessions < settings.sessions else set()
    if room < _MANY or cut & settings.model_fields_set:
        _log.warn(
            "{connections} connections and {sessions} clients are accepted at once, and not {wanted} together: this "
            "process may have no more files open. Raise that limit (LimitNOFILE= of systemd, or `ulimit -n`), or set "
            "limits.connections to {connections} and limits.sessions to {sessions}",
            connections=connections,
            sessions=sessions,
            wanted=wanted,
        )
    return settings.model_copy(
        update={
            "connections": connections,
            "connections_per_address": min(connections, settings.connections_per_address),
            "sessions": sessions,
            "sessions_per_owner": min(sessions, settings.sessions_per_owner),
        }
    )
