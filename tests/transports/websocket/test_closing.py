"""The closing of a WebSocket: its states are those of the document, and none other is ever reached."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

import sellia
from sellia.problems import SERVICE_DIED, SESSION_EXPIRED
from sellia.transports.websocket.closing import NEXT, Closing, Event, State
from tests.transports.support import BINARY, TEXT, Peer, Sockets, close, frame, head

DOCUMENT = Path(sellia.__file__).parent.parent / "docs" / "protocol.rst"

HEADER = "State          Event                                        Next           What happens\n"


def documented() -> dict[tuple[State, Event], State]:
    """The table of the document: the first column is blank where a row goes on."""
    text = DOCUMENT.read_text("utf-8")
    assert text.count(HEADER) == 1, "the table of section 4.2 has another head"
    _, _, rest = text.partition(HEADER)
    border, _, rows = rest.partition("\n")
    rows = rows[: rows.index(border)]
    at = [sum(len(column) + 1 for column in border.split(" ")[:count]) for count in range(4)]
    table = {}
    for row in rows.splitlines():
        state, event, after = (row[at[n] : at[n + 1]].strip() for n in range(3))
        if state:
            key = State(state), Event(event)
            assert key not in table, key
            table[key] = State(after)
    return table


class TableTests(SynchronousTestCase):
    def test_the_document(self) -> None:
        self.assertEqual(documented(), NEXT)

    def test_every_state_is_reached_and_left(self) -> None:
        self.assertEqual({State.OPEN, *NEXT.values()}, set(State))
        self.assertEqual({state for state, _ in NEXT}, set(State) - {State.GONE})

    def test_no_way_back(self) -> None:
        """States only advance, so a WebSocket that ends comes to its end."""
        order = list(State)
        for (state, event), after in NEXT.items():
            self.assertGreater(order.index(after), order.index(state), event)


class StateTests(SynchronousTestCase):
    """What happens at both ends, by the names of the states."""

    def setUp(self) -> None:
        self.stage = Sockets()
        self.visitor, self.service = self.stage.visitor, self.stage.service

    def tearDown(self) -> None:
        self.stage.check()

    @property
    def states(self) -> tuple[State, State]:
        return self.visitor.pipe._closing.state, self.service.pipe._closing.state

    def test_a_closing_handshake(self) -> None:
        self.assertEqual(self.states, (State.OPEN, State.OPEN))
        self.visitor.send(close(1000))
        self.assertEqual(self.states, (State.CLOSE_RECEIVED, State.CLOSE_SENT))
        self.service.send(close(1000))
        self.assertEqual(self.states, (State.HUNG_UP, State.BOTH))
        self.visitor.drop()
        self.assertEqual(self.states, (State.GONE, State.HUNG_UP))
        self.service.drop()
        self.assertEqual(self.states, (State.GONE, State.GONE))

    def test_a_visitor_who_leaves(self) -> None:
        self.visitor.drop()
        self.assertEqual(self.states, (State.GONE, State.HUNG_UP))

    def test_a_service_that_dies(self) -> None:
        self.service.drop()
        self.assertEqual(self.states, (State.CLOSE_SENT, State.GONE))

    def test_a_violation(self) -> None:
        self.visitor.pipe.dataReceived(frame(0x8F))
        self.assertEqual(self.states[0], State.CLOSE_RECEIVED)
        self.stage.talk()
        self.assertEqual(self.states, (State.CLOSE_RECEIVED, State.CLOSE_SENT))
        self.stage.wait(1)
        self.assertEqual(self.states, (State.HUNG_UP, State.CLOSE_SENT))

    def test_a_stop(self) -> None:
        self.visitor.pipe.close(1012, "bye")
        self.stage.talk()
        self.assertEqual(self.states, (State.CLOSE_SENT, State.CLOSE_SENT))

    def test_nothing_is_sent_behind_the_end_of_a_connection(self) -> None:
        """A violator inside of a frame that it is sent: the rest of that frame goes nowhere."""
        self.service.raw(head(BINARY, 100_000, False) + bytes(1000))
        self.visitor.send((0x8F, b""))
        self.stage.wait(1)
        self.assertEqual(self.states[0], State.HUNG_UP)
        written = len(self.visitor.partial)
        self.service.raw(bytes(99_000) + frame(TEXT, b"next", False))
        self.assertEqual(len(self.visitor.partial), written)


#: What may happen to a WebSocket at either end.
STEPS = (
    lambda peer: peer.reading and peer.send((TEXT, b"x")),
    lambda peer: peer.reading and peer.raw(head(BINARY, 70_000, peer.visitor) + bytes(10)),
    lambda peer: peer.reading and peer.send(close(1000)),
    lambda peer: peer.reading and peer.send((0x8F, b"")),
    lambda peer: peer.transport.producer is not None and peer.full(),
    lambda peer: peer.drained(),
    lambda peer: peer.lost or peer.finish(),
    lambda peer: peer.drop(),
    lambda peer: peer.pipe.close(1012, "bye"),
    lambda peer: peer.pipe.drop("a test says so"),
    lambda peer: peer.stage.talk(),
    lambda peer: peer.stage.wait(1),
    lambda peer: peer.stage.wait(11),
)


class EverythingTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=60)
    @given(st.lists(st.tuples(st.booleans(), st.sampled_from(STEPS)), max_size=14))
    def test_any_order(self, steps: list[tuple[bool, object]]) -> None:
        """Whatever happens, no move is made that the table does not have, and nothing is left at the end."""
        stage = Sockets()
        for each in (stage.visitor, stage.service):
            each.transport.connectionLost = lambda reason, each=each: each.vanish()
        for visitor, step in steps:
            peer: Peer = stage.visitor if visitor else stage.service
            if not peer.lost:
                step(peer)  # type: ignore[operator]
            for each in (stage.visitor, stage.service):
                closing: Closing = each.pipe._closing
                self.assertEqual(closing.may_send, closing.state in (State.OPEN, State.CLOSE_RECEIVED))
                self.assertEqual(closing.state is State.GONE, each.lost)
        stage.check()

    def test_ends_of_sessions(self) -> None:
        """In every state, too."""
        for problem in (SESSION_EXPIRED, SERVICE_DIED):
            for steps in ((), (2,), (3,), (1,), (8,), (4, 2)):
                stage = Sockets()
                for step in steps:
                    STEPS[step](stage.visitor)
                for party in (stage.pair.server, stage.pair.client):
                    party.session.close(problem, "")
                    stage.talk()
                stage.wait(11)
                self.assertNotEqual(stage.visitor.pipe._closing.state, State.OPEN)
                stage.check()
