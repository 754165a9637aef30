"""Hashes that are computed beside the reactor: how many, once each, and a flood of guesses."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.passwords import Users
from sellia.relay.rules import Rules
from sellia.server.passwords import AT_ONCE, OF_ONE, WAITING, PasswordChecks
from tests.relay.test_passwords import quick
from tests.server.support import VISITOR, ServerCase, Visitor, get


class Threads:
    """Threads that go on when they are told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[Callable[..., Any], bytes, Deferred[Any]]] = []

    def run(self, function: Callable[..., Any], credentials: bytes) -> "Deferred[Any]":
        done: Deferred[Any] = Deferred()
        self.calls.append((function, credentials, done))
        return done

    def work(self) -> None:
        """Compute all."""
        while self.calls:
            function, credentials, done = self.calls.pop(0)
            done.callback(function(credentials))


class ChecksTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.threads = Threads()
        self.checks = PasswordChecks(self.threads.run)
        self.users = Users([], [f"bob:{quick(b'b')}"])

    def test_right_and_wrong(self) -> None:
        right, wrong = (self.checks.verify(self.users, each) for each in (b"bob:b", b"bob:x"))
        self.assertNoResult(right)
        self.threads.work()
        self.assertEqual((self.successResultOf(right), self.successResultOf(wrong)), (True, False))
        self.assertIs(self.users.matches(b"bob:b"), True)

    def test_the_same_is_computed_once(self) -> None:
        found = [self.checks.verify(self.users, b"bob:b") for _ in range(100)]
        self.assertTrue(self.checks.is_waiting(self.users, b"bob:b"))
        self.assertEqual(len(self.threads.calls), 1)
        self.threads.work()
        self.assertTrue(all(self.successResultOf(each) for each in found))
        self.assertFalse(self.checks.is_waiting(self.users, b"bob:b"))

    def test_bounds(self) -> None:
        for number in range(OF_ONE):
            self.assertTrue(self.checks.has_room(self.users))
            self.checks.verify(self.users, b"bob:%d" % number)
        self.assertFalse(self.checks.has_room(self.users))
        self.assertEqual(len(self.threads.calls), AT_ONCE)
        others = [Users([], [f"u{number}:{quick(b'b')}"]) for number in range(WAITING - OF_ONE)]
        for each in others:
            self.assertTrue(self.checks.has_room(each))
            self.checks.verify(each, b"u:x")
        self.assertFalse(self.checks.has_room(Users([], [f"z:{quick(b'b')}"])))
        self.threads.work()
        self.assertTrue(self.checks.has_room(self.users))

    def test_a_visitor_who_leaves(self) -> None:
        left, stays = (self.checks.verify(self.users, b"bob:b") for _ in range(2))
        left.cancel()
        self.failureResultOf(left, CancelledError)
        self.threads.work()
        self.assertTrue(self.successResultOf(stays))

    def test_a_defect(self) -> None:
        found = self.checks.verify(self.users, b"bob:b")
        self.threads.calls.pop()[2].errback(MemoryError())
        self.failureResultOf(found, MemoryError)
        self.assertTrue(self.checks.has_room(self.users))


class VisitorTests(ServerCase):
    """Visitors of a tunnel whose users are known by hashes."""

    settings = {"auth_failures_burst": 3, "auth_failures_rate": 0.1}

    def setUp(self) -> None:
        super().setUp()
        self.threads = Threads()
        self.stage.ingress.guard.hashing = PasswordChecks(self.threads.run)
        made: Any = self.stage.tunnels.by_name["demo"]
        users = Users(["ann:a"], [f"bob:{quick(b'b')}"])
        self.stage.tunnels.by_name["demo"] = type(made)(
            "demo", made.upstream, 1, "owner", users, rules=Rules(password=True)
        )

    def visit(self, credentials: bytes, host: str = VISITOR) -> Visitor:
        from base64 import b64encode

        return self.stage.visitor(get(b"/", b"Authorization: Basic " + b64encode(credentials)), host=host)

    def test_the_first_visit_waits_and_the_next_does_not(self) -> None:
        self.visit(b"bob:b")
        self.assertEqual(self.stage.asked, [])
        self.threads.work()
        self.stage.talk()
        self.assertEqual(len(self.stage.asked), 1)
        self.assertIsNone(self.stage.asked[0].value(b"authorization"))
        self.visit(b"bob:b")
        self.visit(b"ann:a")
        self.assertEqual((len(self.stage.asked), self.threads.calls), (3, []))

    def test_wrong_ones(self) -> None:
        for credentials in (b"bob:x", b"eve:b"):
            visitor = self.visit(credentials)
            self.threads.work()
            self.stage.talk()
            self.assert_answers(visitor, (401, "unauthorized"))
        self.assert_answers(self.visit(b"ann:x"), (401, "unauthorized"))
        self.assert_answers(self.visit(b"bob:b"), (429, "rate-limited"))
        self.assertEqual(self.stage.asked, [])

    def test_guesses_that_come_together(self) -> None:
        """No more of them are computed than one after the other would be."""
        visitors = [self.visit(b"bob:%d" % number) for number in range(10)]
        self.threads.work()
        self.stage.talk()
        said = b"".join(each.read() for each in visitors)
        self.assertEqual((said.count(b"HTTP/1.1 401 "), said.count(b"HTTP/1.1 429 ")), (3, 7))

    def test_a_flood_from_everywhere(self) -> None:
        """It is bounded, and who has been here before comes in."""
        self.visit(b"bob:b")
        self.threads.work()
        self.stage.talk()
        for number in range(100):
            visitor = self.visit(b"bob:%d" % number, host=f"198.51.100.{number}")
        self.assert_answers(visitor, (503, "overloaded"))
        self.assertLessEqual(len(self.threads.calls), AT_ONCE)
        self.visit(b"bob:b")
        self.assertEqual(len(self.stage.asked), 2)

    def test_a_visitor_who_leaves(self) -> None:
        visitor = self.visit(b"bob:b")
        visitor.leave()
        self.threads.work()
        self.stage.talk()
        self.assertEqual(self.stage.asked, [])
