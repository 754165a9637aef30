"""The wheel that is offered: built once, beside the reactor, and requests that wait for it."""

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from sellia.server.base_domain import offer
from sellia.server.base_domain.offer import Offer
from sellia.server.base_domain.wheel import build_wheel
from tests.server.base_domain.test_pages import PageCase, page
from tests.server.support import get


class OfferTests(TestCase):
    async def test_a_thread_builds_it_once(self) -> None:
        offered = Offer(reactor)
        first, second = offered.when_built(), offered.when_built()
        self.assertFalse(offered.built)
        await first
        await second
        self.assertEqual(offered.wheel, build_wheel())
        self.assertTrue(offered.when_built().called)


class FailedTests(SynchronousTestCase):
    def test_what_cannot_be_built_is_not_offered(self) -> None:
        def fail() -> None:
            raise MemoryError

        self.patch(offer, "build_wheel", fail)
        offered = Offer(Clock())
        self.successResultOf(offered.when_built())
        self.assertEqual((offered.built, offered.wheel), (True, None))
        self.assertEqual(len(self.flushLoggedErrors(MemoryError)), 1)


class WaitingTests(PageCase):
    def setUp(self) -> None:
        super().setUp()
        self.building: Deferred[Any] = Deferred()
        self.patch(offer, "build_wheel", lambda: self.building)

    def test_requests_wait(self) -> None:
        waits = self.server.visit(get(b"/", host=b"localhost"))
        again = self.server.visit(get(b"/client/", host=b"localhost"))
        gone = self.server.visit(get(b"/", host=b"localhost"))
        gone.lose()
        self.assertEqual((waits.take(), again.take()), (b"", b""))
        for path, method, status in ((b"/health", b"GET", 200), (b"/", b"POST", 405), (b"/nothing", b"GET", 404)):
            self.assertEqual(self.get(path, method=method)[0], status)  # which have nothing to wait for
        self.building.callback(build_wheel())
        self.server.talk()
        self.assertIn(b"pipx install", page(waits.take())[3])
        self.assertEqual(page(again.take())[0], 200)

    def test_without_a_client(self) -> None:
        self.building.callback(None)
        self.assertNotIn(b"pipx install", self.get(b"/")[3])
        self.assertEqual(self.get(b"/client/")[0], 404)
