"""The inspector's API keeps to its description (schemathesis), over real sockets and without a client."""

from typing import Any

from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from sellia.client.inspector import guard
from sellia.client.inspector.answers import ApiError
from sellia.client.inspector.pages import InspectorPages
from sellia.client.inspector.web import InspectorFactory
from sellia.relay.limits.token_bucket import Rate
from tests.client.inspector.stage import Subject
from tests.openapi import judge

#: What never ends, and what needs a client in any case.
LEFT_OUT = ("GET /api/events", "GET /api/holds")


class NoClient(Subject):
    """What is inspected where there is no client."""

    @property
    def client(self) -> Any:
        raise ApiError(409, "no-client", "There is no client.")

    visits = holds = client


class ConformanceTests(TestCase):
    timeout = 300
    maxDiff = None

    async def test_the_api_keeps_to_its_description(self) -> None:
        self.patch(guard, "WRONG", Rate(100_000, 1.0))  # wrong tokens are tried, too
        clock: Any = reactor
        pages = InspectorPages(guard.Guard("t0ken", 4040), NoClient(clock))
        port = clock.listenTCP(0, InspectorFactory(pages, clock), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        faults = await deferToThread(judge, f"http://127.0.0.1:{port.getHost().port}", "t0ken", left_out=LEFT_OUT)
        self.assertEqual("\n".join(faults), "")
