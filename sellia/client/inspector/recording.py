"""The recording of a client: begins and ends with its inspector, and says how it goes."""

import os
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from sellia.inspector.recording.recorder import Recorder
from sellia.inspector.recording.writer import Writer, prepare
from sellia.inspector.store import Store

_log = Logger()


class Recording:
    """Recording in a file, which is made at once.  Raises SettingsError where it cannot be.

    The thread and SQLite's connection begin with `start`: a daemon has forked by then, and may have left the directory.
    """

    def __init__(self, path: str, limit: int, place: str) -> None:
        self.path = os.path.abspath(path)
        self._limit = limit
        #: Number of the last exchange that is in the file.
        self.last = prepare(path, place)
        self._recorder: Recorder | None = None

    def start(self, store: Store, reactor: Any, tell: Callable[[str, bool], None] | None) -> None:
        """Record a store from now on; ``tell`` is told what a user has to know, besides the log."""

        def told(text: str, failure: bool) -> None:
            (_log.error if failure else _log.info)("{text} ({path})", text=text, path=self.path)
            if tell is not None:
                tell(text, failure)

        writer = Writer(self.path, self._limit, reactor.callFromThread)
        writer.start()
        self._recorder = Recorder(store, writer, reactor.callLater, told)

    def stop(self) -> Deferred[None] | None:
        """Write the rest; return a Deferred that fires when the file is closed."""
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return None
        closed: Deferred[None] = Deferred()
        recorder.stop(lambda: closed.callback(None))
        return closed

    def status(self) -> dict[str, Any]:
        """Return how it goes: what is not in the file, and why nothing more is written, if so."""
        recorder = self._recorder
        missing = recorder.missing.as_json() if recorder is not None else {"exchanges": 0, "frames": 0, "bytes": 0}
        return {"problem": (recorder.problem if recorder is not None else "") or None, "missing": missing}
