"""Numbers of visitors' connections, and the clients that are told when one is closed.  See `test_connection`, too."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol.messages import SessionMessage, VisitorLeft
from sellia.server.ingress.affinity import NO_AFFINITY, Affinity
from tests.server.reading import get, read


class Session:
    """A session that remembers what its client is told."""

    def __init__(self, *, closed: bool = False) -> None:
        self.closed = closed
        self.told: list[SessionMessage] = []

    def send_control(self, message: SessionMessage) -> None:
        self.told.append(message)


class AffinityTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.plain = read(get())[0].requests[0]
        self.proxied = read(get(b"Via: 1.1 a"))[0].requests[0]

    def test_the_first_request_decides(self) -> None:
        affinity = Affinity(7)
        self.assertEqual((affinity.number_for(self.plain), affinity.number_for(self.proxied)), (7, 7))
        affinity = Affinity(7)
        self.assertEqual((affinity.number_for(self.proxied), affinity.number_for(self.plain)), (0, 0))

    def test_each_client_is_told_once(self) -> None:
        affinity = Affinity(7)
        one, gone, other = sessions = [Session(), Session(closed=True), Session()]
        for session in (*sessions, *sessions):
            affinity.answered(session)  # type: ignore[arg-type]
        affinity.end()
        affinity.end()
        self.assertEqual([one.told, gone.told, other.told], [[VisitorLeft(7)], [], [VisitorLeft(7)]])

    def test_without_a_number_nobody_is_told(self) -> None:
        session: Any = Session()
        NO_AFFINITY.answered(session)
        NO_AFFINITY.end()
        self.assertEqual((session.told, NO_AFFINITY.number_for(self.plain)), ([], 0))
