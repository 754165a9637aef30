"""Visits: WebSocket connections of ``visitor.js`` to ``service.js``, and what each side says of them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from tests.e2e.case import EndToEndTests
from tests.e2e.stage import Reach, events, node_argv, node_module, wait_for_event
from tests.processes import Process

_ids = itertools.count(1)


@cache
def service() -> Process:
    """``service.js``, shared by all test modules, listening."""
    node_module("ws/package.json")
    started = Process(node_argv("service.js"), name="service.js")
    wait_for_event(started, event="listening")
    return started


def service_port() -> int:
    """Where `service` listens."""
    port: int = wait_for_event(service(), event="listening")["port"]
    return port


class Visit:
    """One run of ``visitor.js``: what the visitor saw, and what the service saw of it."""

    def __init__(
        self,
        place: Reach,
        path: str,
        *steps: Sequence[Any],
        scheme: str = "ws",
        protocols: tuple[str, ...] = (),
        env: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        self.id = f"v{next(_ids)}"
        self.path = f"{path}{'&' if '?' in path else '?'}id={self.id}"
        plan = {"protocols": list(protocols), "options": options, "steps": list(steps)}
        argv = node_argv("visitor.js", place.url(self.path, scheme), json.dumps(plan))
        self.visitor = Process(argv, name="visitor.js", env=env)

    def seen(self, event: str, **fields: Any) -> dict[str, Any]:
        """What the visitor says, once it says it."""
        return wait_for_event(self.visitor, event=event, **fields)

    def served(self, event: str, **fields: Any) -> dict[str, Any]:
        """What the service says of this visit, once it says it."""
        return wait_for_event(service(), event=event, id=self.id, **fields)

    def messages(self) -> list[dict[str, Any]]:
        """The messages that the visitor has received so far."""
        return [event for event in events(self.visitor) if event["event"] == "message"]


class VisitTests(EndToEndTests):
    """A test that visits; its visitors end with it."""

    def visit(self, place: Reach, path: str, *steps: Sequence[Any], **how: Any) -> Visit:
        """Begin a `Visit`."""
        visit = Visit(place, path, *steps, **how)
        self.addCleanup(visit.visitor.stop)
        return visit
