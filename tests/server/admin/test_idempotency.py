"""Writes with an idempotency key are done once, and nobody gets another's answer."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProblemError
from sellia.problems import IDEMPOTENCY_KEY_REUSED, INVALID_VALUE, STILL_UNDER_WAY, Problem
from sellia.server.admin.answers import Answer
from sellia.server.admin.idempotency import BYTES_KEPT, KEPT, KEY_LIMIT, SECONDS_KEPT, Idempotency, Ticket

MADE = Answer(201, (), b'{"id": 1}')


class IdempotencyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.kept = Idempotency()

    def first(self, actor: str = "a", key: str = "k", request: bytes = b"POST", now: float = 0.0) -> Ticket:
        ticket = self.kept.begin(actor, key, request, now)
        assert isinstance(ticket, Ticket)
        return ticket

    def refused(self, problem: Problem, *request: Any) -> None:
        self.assertEqual(self.assertRaises(ProblemError, self.kept.begin, *request).problem, problem)

    def test_the_same_again(self) -> None:
        self.first().settle(MADE)
        self.assertEqual(self.kept.begin("a", "k", b"POST", 1.0), MADE)

    def test_another_request_with_the_same_key(self) -> None:
        self.first().settle(MADE)
        self.refused(IDEMPOTENCY_KEY_REUSED, "a", "k", b"DELETE", 1.0)

    def test_while_the_first_is_under_way(self) -> None:
        ticket = self.first()
        self.refused(STILL_UNDER_WAY, "a", "k", b"POST", 0.0)
        ticket.settle(MADE)
        self.assertEqual(self.kept.begin("a", "k", b"POST", 0.0), MADE)

    def test_keys_of_another_actor(self) -> None:
        self.first("a").settle(MADE)
        self.first("b")

    def test_failures_of_the_server_are_tried_again(self) -> None:
        for answer in (None, Answer(503, (), b""), Answer(500, (), b""), Answer(429, (), b"")):
            self.first().settle(answer)
        self.assertEqual(self.kept.size, (0, 0))

    def test_refusals_are_kept(self) -> None:
        refusal = Answer(409, (), b"{}")
        self.first().settle(refusal)
        self.assertEqual(self.kept.begin("a", "k", b"POST", 1.0), refusal)

    def test_they_are_forgotten_in_time(self) -> None:
        self.first().settle(MADE)
        self.assertEqual(self.kept.begin("a", "k", b"POST", SECONDS_KEPT - 1), MADE)
        self.first(now=SECONDS_KEPT)

    def test_bound_of_requests(self) -> None:
        """Whoever sends more than are kept pushes out the oldest, and never makes the table grow."""
        for number in range(KEPT + 10):
            self.first(key=str(number)).settle(MADE)
        self.assertEqual(self.kept.size, (KEPT, KEPT * len(MADE.body)))
        self.first(key="0")
        self.assertEqual(self.kept.begin("a", str(KEPT + 9), b"POST", 0.0), MADE)

    def test_bound_of_bytes(self) -> None:
        large = Answer(200, (), b"x" * (BYTES_KEPT // 4))
        under_way = self.first(key="slow")
        for number in range(8):
            self.first(key=str(number)).settle(large)
        self.assertEqual(self.kept.size[1], BYTES_KEPT)
        under_way.settle(MADE)
        self.assertLessEqual(self.kept.size[1], BYTES_KEPT)

    def test_a_ticket_that_was_pushed_out(self) -> None:
        ticket = self.first(key="oldest")
        for number in range(KEPT):
            self.first(key=str(number))
        ticket.settle(MADE)
        self.assertEqual(self.kept.size, (KEPT, 0))

    def test_keys_that_cannot_be(self) -> None:
        for key in ("", "x" * (KEY_LIMIT + 1), "a b", "a\nb", "\u00fc"):
            self.refused(INVALID_VALUE, "a", key, b"POST", 0.0)
        self.first(key="x" * KEY_LIMIT)
