"""The table of the client's session states, which is that of the protocol's document."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.states import TRANSITIONS, SessionEvent, SessionState, State

DOCUMENT = Path(__file__).parents[2] / "docs" / "protocol.rst"


def documented() -> set[tuple[str, str, str]]:
    """The rows of the document's table: state, event and next state, one for each state."""
    text = DOCUMENT.read_text("utf-8").split("\nAnd at the client", 1)[1].split("\n2.6 ", 1)[0]
    lines = text.splitlines()
    rulers = [number for number, line in enumerate(lines) if line.startswith("===")]
    starts = [0, *(at + 1 for at, char in enumerate(lines[rulers[0]]) if char == " "), None]
    found = set()
    for line in lines[rulers[1] + 1 : rulers[2]]:
        states, event, following = (line[a:b].strip() for a, b in zip(starts[:3], starts[1:4], strict=True))
        for state in [each.value for each in State] if states == "any" else states.split(", "):
            found.add((state, event, state if following == "as before" else following))
    return found


class TableTests(SynchronousTestCase):
    def test_it_is_the_document_s(self) -> None:
        coded = {
            (state.value, event.value, following.value)
            for event, row in TRANSITIONS.items()
            for state, following in row.items()
        }
        self.assertEqual(coded - documented(), set(), "only in the code")
        self.assertEqual(documented() - coded, set(), "only in the document")

    def test_every_event_has_a_row(self) -> None:
        self.assertEqual(set(TRANSITIONS), set(SessionEvent))

    def test_every_state_is_left_and_reached(self) -> None:
        for state in State:
            self.assertTrue(any(row.get(state, state) is not state for row in TRANSITIONS.values()), state)
            self.assertTrue(any(state in row.values() for row in TRANSITIONS.values()), state)


class StateTests(SynchronousTestCase):
    def test_every_pair(self) -> None:
        """As the table says; what is not in it is refused, and changes nothing."""
        for event in SessionEvent:
            for before in State:
                state = SessionState()
                state.now = before
                following = TRANSITIONS[event].get(before)
                if following is None:
                    self.assertRaises(RuntimeError, state.on, event)
                    following = before
                else:
                    state.on(event)
                self.assertIs(state.now, following)

    def test_it_begins_without_a_session(self) -> None:
        self.assertIs(SessionState().now, State.NONE)
