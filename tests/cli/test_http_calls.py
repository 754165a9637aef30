"""Calls with a body, and answers that are taken in pieces; `test_server_api` has what else may stand at a URL."""

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from sellia.cli.http_calls import HttpCalls
from sellia.errors import SettingsError, UnreachableError
from tests.cli.test_server_api import ApiCase, answer


class CallTests(ApiCase):
    async def test_a_call_with_a_body(self) -> None:
        calls = HttpCalls(self.listen(answer("201 Created", b'{"id": 1}')), reactor)
        fetched = await calls.fetch("POST", "/things", {"Content-Type": "application/json"}, b'{"name": "x"}')
        self.assertEqual((fetched.status, fetched.body), (201, b'{"id": 1}'))
        [heard] = self.heard
        self.assertTrue(heard.startswith(b"POST /things HTTP/1.1\r\n"))
        self.assertIn(b"Content-Length: 13\r\n", heard)

    async def test_an_answer_in_pieces(self) -> None:
        """It may be longer than others, and is not held in memory; an error's body is."""
        taken: list[bytes] = []
        whole = b"x" * 200_000
        calls = HttpCalls(self.listen(answer("200 OK", whole)), reactor)
        fetched = await calls.fetch("GET", "/backup", {}, take=taken.append)
        self.assertEqual((b"".join(taken), fetched.body), (whole, b""))
        calls = HttpCalls(self.listen(answer("503 Unavailable", b"no")), reactor)
        fetched = await calls.fetch("GET", "/backup", {}, take=taken.append)
        self.assertEqual((fetched.status, fetched.body), (503, b"no"))

    async def test_whoever_takes_it_can_give_up(self) -> None:
        def full(data: bytes) -> None:
            raise SettingsError("the disk is full")

        calls = HttpCalls(self.listen(answer("200 OK", b"data")), reactor)
        asked: Any = Deferred.fromCoroutine(calls.fetch("GET", "/backup", {}, take=full))
        error: Any = await self.assertFailure(asked, SettingsError)
        self.assertEqual(error.line, "the disk is full")

    async def test_an_answer_that_is_too_long(self) -> None:
        calls = HttpCalls(self.listen(answer("200 OK", b"x" * 2048)), reactor)
        asked: Any = Deferred.fromCoroutine(calls.fetch("GET", "/", {}, limit=1024))
        error: Any = await self.assertFailure(asked, UnreachableError)
        self.assertIn("answers with more than 1 KiB", error.line)
