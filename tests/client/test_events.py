"""The shape of what a client reports."""

import dataclasses
import typing

from twisted.trial.unittest import SynchronousTestCase

from sellia.client import events
from sellia.why.cause import Cause


class EventTests(SynchronousTestCase):
    def test_values(self) -> None:
        """Every event is a frozen value that says what it means and holds nothing that can change."""
        for kind in typing.get_args(events.Event):
            self.assertTrue(kind.__dataclass_params__.frozen, kind)
            self.assertNotIn("__dict__", dir(kind), kind)
            self.assertTrue(kind.__doc__.endswith("."), kind)
            for each in dataclasses.fields(kind):
                self.assertIn(each.type, ANNOTATIONS, (kind, each.name))

    def test_all_are_in_the_union(self) -> None:
        kinds = {each for each in vars(events).values() if dataclasses.is_dataclass(each)}
        kinds.discard(Cause)
        self.assertEqual(kinds, set(typing.get_args(events.Event)))

    def test_any_object_with_notify_listens(self) -> None:
        heard: list[events.Event] = []

        class Listener:
            def notify(self, event: events.Event) -> None:
                heard.append(event)

        listener: events.Listener = Listener()
        listener.notify(events.LinkLost("gone"))
        self.assertEqual(heard, [events.LinkLost(reason="gone")])


ANNOTATIONS = (
    *(str, int, float, bool, int | None, str | None, tuple[str, ...], Cause | None),
    typing.Literal["visitor", "service", "sellia"],
)
