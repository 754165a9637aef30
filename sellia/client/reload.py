"""Reload: a running client reads its settings again, and opens, closes and alters only the tunnels that differ.

Settings that are wrong, or that are for another link (:mod:`sellia.client.changes`), change nothing: the old ones go
on, and whoever asked is told why.
"""

from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from sellia.client.changes import Changes
from sellia.client.service import ClientService
from sellia.client.settings import ClientSettings
from sellia.errors import SettingsError

#: Called with a sentence, and True for one that tells of a failure.
Tell = Callable[[str, bool], None]

_log = Logger()


class Reloader:
    """Has ``client`` take the settings that ``read`` returns, from the places where it had them from.

    ``tell`` is told the outcome as well as the log.
    """

    def __init__(self, client: ClientService, read: Callable[[], ClientSettings], tell: Tell | None = None) -> None:
        self._client = client
        self._read = read
        self._tell = tell

    def answer(self) -> dict[str, Any]:
        """Reload because of a question on the control socket, and return what has changed.  Raises SettingsError."""
        return self._reload().as_json()

    def signalled(self) -> None:
        """Reload because of a signal."""
        try:
            self._reload()
        except SettingsError:
            pass  # it was told

    def _reload(self) -> Changes:
        try:
            changes = self._client.take(self._read())
        except SettingsError as error:
            told = ". ".join(str(error).splitlines())
            _log.error("settings not taken, the ones before go on: {told}", told=told)
            if self._tell is not None:
                self._tell(f"The settings are not taken, and the ones before go on:\n{error}", True)
            raise
        if self._tell is not None:
            self._tell(f"Settings read again: {changes}.", False)
        return changes
