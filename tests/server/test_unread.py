"""Visitors for whom something waits, and who take none of it."""

from tests.server.slow import slow_visitor
from tests.server.support import UPGRADE, ServerCase, get


class UnreadTests(ServerCase):
    """Who takes nothing at all of what waits for it goes."""

    def test_a_response_that_is_never_read(self) -> None:
        visitor, socket = slow_visitor(self.stage, get())
        [service] = self.stage.asked
        service.head()
        service.say(b"~" * 200_000)
        self.stage.wait(300)
        self.assertFalse(socket.aborted)
        self.stage.wait(1)
        self.assertTrue(socket.aborted)
        visitor.leave()
        self.assertEqual(service.reset, "visitor-gone")
        self.assert_counted(unread=1)

    def test_one_that_grows_meanwhile(self) -> None:
        """A service that adds to it does not make it look as if it were taken."""
        visitor, socket = slow_visitor(self.stage, get())
        [service] = self.stage.asked
        service.head()
        service.say(b"~" * 200_000)
        for _ in range(301):
            service.say(b"~")
            self.stage.wait(1)
        self.assertTrue(socket.aborted)

    def test_events_for_somebody_who_is_there(self) -> None:
        """Nothing waits for hours, and then something does: the time begins then."""
        _, socket = slow_visitor(self.stage, get())
        [service] = self.stage.asked
        service.head()
        socket.take(100_000)
        for _ in range(3):
            self.stage.wait(1000)
            service.say(b"event")
            self.stage.wait(200)
            socket.take(100_000)
        self.assertFalse(socket.aborted)
        self.assert_counted()

    def test_a_phone(self) -> None:
        """One octet in five minutes is enough."""
        _, socket = slow_visitor(self.stage, get())
        [service] = self.stage.asked
        service.head()
        service.say(b"~" * 200_000)
        for _ in range(10):
            self.stage.wait(299)
            socket.take(1)
        self.assertFalse(socket.aborted)

    def test_frames_that_are_never_read(self) -> None:
        """A WebSocket is no different: pings are answered by the service, whose pongs then wait, too."""
        visitor, socket = slow_visitor(self.stage, UPGRADE)
        [service] = self.stage.asked
        service.switch()
        service.stream.send_frame(0x82, b"~" * 60_000)
        service.stream.send_frame(0x82, b"~" * 60_000)
        self.stage.wait(300)
        self.assertFalse(socket.aborted)
        self.stage.wait(1)
        self.assertTrue(socket.aborted)
        visitor.leave()
        self.assert_counted(unread=1)
