"""What an observer must be able to take: the Protocol, held against the recording one of the tests."""

import inspect

from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.mux.observer import StreamObserver
from tests.observers import RecordingObserver


class ProtocolTests(SynchronousTestCase):
    def test_the_recorder_takes_every_event(self) -> None:
        """With the same parameters; a new event is recorded, or the tests of the legs would not miss it."""
        observer: StreamObserver = RecordingObserver()
        events = [name for name in vars(StreamObserver) if not name.startswith("_")]
        self.assertEqual(
            events,
            ["request", "rewritten", "sent", "response", "body", "trailers"]
            + ["frame", "frame_begun", "frame_continued", "explained", "ended"],
        )
        for name in events:
            declared = inspect.signature(getattr(StreamObserver, name))
            taken = inspect.signature(getattr(type(observer), name))
            self.assertEqual(list(declared.parameters), list(taken.parameters), name)

    def test_the_recorder_finds_what_comes_after_the_end(self) -> None:
        observer = RecordingObserver()
        observer.body(2, True, b"x")
        self.assertRaises(AssertionError, observer.check)
        observer.ended(2, "visitor", None, "")
        observer.check()
        observer.body(2, True, b"x")
        self.assertRaises(AssertionError, observer.check)
