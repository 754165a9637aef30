"""Calls to an admin API over real sockets, and what else may stand at its URL."""

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from sellia.cli.admin.api import AdminApi, path_of
from sellia.errors import RefusedError, SelliaError, UnreachableError
from tests.cli.test_server_api import KEY, ApiCase, answer

PROBLEM = b'{"type": "urn:sellia:error:conflict", "error": "conflict", "title": "No.", "detail": "It is \\u001b[31m."}'


class CallTests(ApiCase):
    def api(self, said: bytes) -> AdminApi:
        return AdminApi(self.listen(said), KEY, reactor)

    async def refused(self, said: bytes) -> SelliaError:
        asked: Any = Deferred.fromCoroutine(self.api(said).get("keys"))
        error: Any = await self.assertFailure(asked, SelliaError)
        self.assertNotIn(KEY, str(error))
        return error  # type: ignore[no-any-return]

    async def test_a_call(self) -> None:
        found = await self.api(answer("200 OK", b'{"items": [1]}')).get(
            "usage", from_="2027-01-01", account=None, newest=True
        )
        self.assertEqual(found, {"items": [1]})
        [heard] = self.heard
        self.assertTrue(heard.startswith(b"GET /api/v1/usage?from=2027-01-01&newest=true HTTP/1.1\r\n"), heard)
        self.assertIn(b"Bearer " + KEY.encode(), heard)

    async def test_a_write_is_sent_again_with_the_same_idempotency_key(self) -> None:
        """Where the connection breaks off, nobody knows whether it was done."""
        asked: Any = Deferred.fromCoroutine(self.api(b"").write("POST", "keys", body={"account": "acme"}))
        await self.assertFailure(asked, UnreachableError)
        tokens = {line for heard in self.heard for line in heard.split(b"\r\n") if line.startswith(b"Idempotency-Key:")}
        self.assertEqual((len(self.heard), len(tokens)), (2, 1))

    async def test_nothing_to_say(self) -> None:
        self.assertIs(await self.api(b"HTTP/1.1 204 No Content\r\n\r\n").write("DELETE", "keys", "key_1"), None)

    async def test_refusals(self) -> None:
        error = await self.refused(answer("409 Conflict", PROBLEM))
        assert isinstance(error, RefusedError)
        self.assertEqual((error.word, str(error)), ("conflict", "It is \\x1b[31m."))

    async def test_others(self) -> None:
        for said, words in (
            (answer("404 Not Found", b'{"error": "no-such-page"}'), "has no admin API"),
            (answer("200 OK", b"<html>"), "answers, but not as the admin API"),
            (answer("502 Bad Gateway", b"<html>"), "answers with 502"),
            (answer("200 OK", b"[" * 100_000), "answers, but not as the admin API"),
        ):
            error = await self.refused(said)
            assert isinstance(error, UnreachableError)
            self.assertIn(words, error.line)

    async def test_a_call_that_comes_too_often(self) -> None:
        """It is made again when the server says, if that is soon."""
        late = answer("429 Too Many", PROBLEM, b"Retry-After: 1000")
        self.assertIsInstance(await self.refused(late), RefusedError)
        self.assertEqual(len(self.heard), 1)

    def test_paths(self) -> None:
        self.assertEqual(path_of("names", "port", "tcp/20000"), "/api/v1/names/port/tcp%2F20000")
        self.assertEqual(path_of("names", "*.app"), "/api/v1/names/*.app")
        self.assertEqual(path_of("accounts", "a b?#/../\u00fc"), "/api/v1/accounts/a%20b%3F%23%2F..%2F%C3%BC")
