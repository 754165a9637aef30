"""The states of a session: the table in the code is the one in ``docs/protocol.rst``, and is what moves a session."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from sellia.server.gateway.states import TRANSITIONS, Next, SessionEvent, SessionMachine, SessionState

DOCUMENT = (Path(__file__).parents[3] / "docs" / "protocol.rst").read_text("utf-8")
WORDS = {
    "linked": (SessionState.THERE, SessionState.LEAVING),
    "any": (SessionState.THERE, SessionState.AWAY, SessionState.LEAVING),
}


def documented() -> list[list[str]]:
    """The cells of each row of the server's table."""
    lines = DOCUMENT.partition("What becomes of a session at the server")[2].splitlines()
    rules = [number for number, line in enumerate(lines) if line.startswith("====")][:3]
    columns = []
    start = 0
    for rule in lines[rules[0]].split():
        columns.append(slice(start, start + len(rule)))
        start += len(rule) + 1
    return [[line[column].strip() for column in columns] for line in lines[rules[1] + 1 : rules[2]]]


class TableTests(SynchronousTestCase):
    def test_every_event_is_a_row(self) -> None:
        """In the same order; once each."""
        self.assertEqual(len({row[1] for row in documented()}), len(documented()))
        self.assertEqual({row[1] for row in documented()}, {event.value for event in TRANSITIONS})
        self.assertEqual(set(TRANSITIONS), set(SessionEvent))

    def test_rows(self) -> None:
        for sources, event, target, happens in documented():
            transition = TRANSITIONS[SessionEvent(event)]
            states = WORDS.get(sources) or tuple(SessionState(each) for each in sources.split(", "))
            self.assertEqual(transition.sources, states, event)
            self.assertEqual(transition.next.value, target, event)
            ends = transition.next is SessionState.NONE
            self.assertEqual(transition.problem is not None, ends, event)
            if transition.problem is not None:
                self.assertIn(f"``{transition.problem.code}``", happens)


class MachineTests(SynchronousTestCase):
    def machine(self, *events: SessionEvent) -> SessionMachine:
        machine = SessionMachine()
        for event in (SessionEvent.OPENED, *events):
            machine.move(event)
        return machine

    def test_the_state_before_the_loss_comes_back(self) -> None:
        lost = SessionEvent.LINK_LOST
        self.assertIs(self.machine(lost, SessionEvent.RESUMED).state, SessionState.THERE)
        leaving = self.machine(SessionEvent.GO_AWAY, lost)
        self.assertIs(leaving.state, SessionState.AWAY)
        leaving.move(SessionEvent.RESUMED)
        self.assertIs(leaving.state, SessionState.LEAVING)

    def test_whatever_the_table_does_not_have_is_a_defect(self) -> None:
        before = {
            SessionState.NONE: (),
            SessionState.THERE: (SessionEvent.OPENED,),
            SessionState.AWAY: (SessionEvent.OPENED, SessionEvent.LINK_LOST),
            SessionState.LEAVING: (SessionEvent.OPENED, SessionEvent.GO_AWAY),
        }
        for state, events in before.items():
            for event, transition in TRANSITIONS.items():
                machine = SessionMachine()
                for each in events:
                    machine.move(each)
                if state in transition.sources:
                    machine.move(event)
                    target = transition.next
                    expected = state if target is Next.SAME else SessionState.THERE if target is Next.BEFORE else target
                    self.assertIs(machine.state, expected, (state, event))
                else:
                    self.assertRaises(RuntimeError, machine.move, event)
                    self.assertIs(machine.state, state)
