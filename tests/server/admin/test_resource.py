"""The door: keys, rates, bodies, and what is refused before anything is done."""

import json
from typing import Any

from sellia.server.admin.models import PAGE_LIMIT
from tests.logs import logging
from tests.server.admin.stage import MASTER, ROOT, AdminCase


class KeyTests(AdminCase):
    settings = {"auth_failures_burst": 3, "auth_failures_rate": 0.001}

    async def test_who_shows_no_key(self) -> None:
        said = await self.ask("GET", "accounts", key=None)
        self.assertEqual((said.status, said.word), (401, "key-required"))
        self.assertEqual(said.headers["www-authenticate"], 'Bearer realm="Sellia admin"')
        for value in ("Basic eDp5", "Bearer", "Bearer ", MASTER):
            said = await self.ask("GET", "accounts", key=None, headers={"Authorization": value})
            self.assertEqual((said.status, said.word), (401, "wrong-key"), value)

    async def test_guesses_are_counted(self) -> None:
        """Once there were too many, the right key is not looked at either."""
        answers = [await self.ask("GET", "accounts", key=f"guess-{number}") for number in range(4)]
        self.assertEqual([each.status for each in answers], [401, 401, 401, 429])
        said = await self.ask("GET", "accounts")
        self.assertEqual((said.status, said.word), (429, "too-many-attempts"))
        self.assertIn("retry-after", said.headers)

    async def test_unknown_and_revoked_are_the_same(self) -> None:
        await self.account()
        key = await self.key("acme", "admin:read")
        shown = await self.done("GET", "key", key=key)
        await self.done("DELETE", f"keys/{shown['id']}")
        revoked = await self.ask("GET", "accounts", key=key)
        unknown = await self.ask("GET", "accounts", key=key[:-1] + ("a" if key[-1] != "a" else "b"))
        self.assertEqual((revoked.status, revoked.body), (401, unknown.body))

    async def test_a_network(self) -> None:
        await self.account()
        elsewhere = await self.key("acme", "admin:read", networks=["10.0.0.0/8"])
        self.assertEqual((await self.ask("GET", "accounts", key=elsewhere)).status, 403)

    async def test_nothing_that_was_sent_is_in_a_refusal_or_the_log(self) -> None:
        with logging() as lines:
            said = await self.ask("GET", "accounts", key="sl_live_a-secret-that-is-wrong")
        self.assertNotIn(b"a-secret", said.body + "".join(map(str, lines)).encode())


class RateTests(AdminCase):
    settings = {"admin_burst": 3, "admin_rate": 0.001}

    async def test_calls_of_one_key(self) -> None:
        answers = [await self.ask("GET", "accounts") for _ in range(4)]
        self.assertEqual([each.status for each in answers], [200, 200, 200, 429])
        self.assertEqual(answers[3].word, "rate-limited")
        self.assertGreater(int(answers[3].headers["retry-after"]), 100)
        self.assertEqual(self.server.guard.refusals.as_dict()["admin_calls"], 1)


class BodyTests(AdminCase):
    settings = {"rate_limit": False}

    async def refused(self, status: int, word: str, data: bytes, kind: str = "application/json") -> Any:
        said = await self.ask("POST", "accounts", data=data, headers={"Content-Type": kind})
        self.assertEqual((said.status, said.word), (status, word), said.body)
        self.assertEqual(said.headers["content-type"], "application/problem+json")
        self.assertEqual(said.headers["sellia-error"], word)
        return said.json

    async def test_bodies_that_are_none(self) -> None:
        for data in (
            b"",
            b"{",
            b"\xff",
            b'{"name": NaN}',
            b'{"name": "a", "name": "b"}',
            b"[" * 50_000,
            b"\xef\xbb\xbf{}",
        ):
            await self.refused(422, "invalid-value", data)
        for data in (b"null", b"1", b'"name"', b"[]"):
            told = await self.refused(422, "invalid-value", data)
            self.assertEqual(told["detail"], "the body must be an object.")
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
            await self.refused(415, "unsupported-media-type", b'{"name": "a"}', kind)

    async def test_faults_are_told_all_at_once(self) -> None:
        told = await self.refused(422, "invalid-value", json.dumps({"nam": "x", "note": 1}).encode())
        self.assertEqual({each["at"] for each in told["faults"]}, {"/name", "/nam", "/note"})
        self.assertEqual(told["type"], "urn:sellia:error:invalid-value")

    async def test_a_body_where_there_is_none(self) -> None:
        said = await self.ask("DELETE", "accounts/x", data=b'{"x": 1}')
        self.assertEqual(said.word, "invalid-value")

    async def test_queries(self) -> None:
        for query in (
            "limit=0",
            f"limit={PAGE_LIMIT + 1}",
            "limit=x",
            "limit=1&limit=2",
            "x=1",
            "cursor=%ff",
            "cursor=x",
        ):
            said = await self.ask("GET", f"accounts?{query}")
            self.assertEqual((said.status, said.word), (422, "invalid-value"), query)
        self.assertEqual((await self.ask("GET", f"accounts?limit={PAGE_LIMIT}")).status, 200)
        self.assertEqual((await self.ask("DELETE", "accounts/x?force=1")).word, "invalid-value")

    async def test_paths_and_methods(self) -> None:
        for path in ("/x", "/x/", "/api/", ROOT, ROOT + "nothing", ROOT + "accounts/"):
            said = await self.ask("GET", path)
            self.assertEqual((said.status, said.word), (404, "no-such-page"), path)
        said = await self.ask("PUT", "accounts")
        self.assertEqual((said.status, said.headers["allow"]), (405, "GET, POST, HEAD"))

    async def test_pages_of_other_sites(self) -> None:
        """No field allows a page of another site anything, also where it asks first."""
        headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        for method in ("OPTIONS", "GET", "POST"):
            said = await self.ask(method, "accounts", headers=headers)
            self.assertEqual([name for name in said.headers if name.startswith("access-control")], [])
        self.assertEqual((await self.ask("OPTIONS", "accounts", headers=headers)).status, 405)
        said = await self.ask("GET", "accounts")
        self.assertEqual(
            (said.headers["cache-control"], said.headers["x-content-type-options"]), ("no-store", "nosniff")
        )
        self.assertEqual(said.headers["cross-origin-resource-policy"], "same-origin")

    async def test_sql_in_every_field(self) -> None:
        """It is text like any other, or it is refused for what it is; nothing is harmed by it."""
        evil = "x'; DROP TABLE accounts; --"
        made = await self.done("POST", "accounts", {"name": evil, "note": evil})
        self.assertEqual((made["name"], made["note"]), (evil, evil))
        await self.done("POST", "keys", {"account": evil, "name": evil})
        for path, body in (
            ("names", {"account": evil, "name": evil}),
            ("domains", {"account": evil, "domain": evil}),
            ("keys", {"account": evil, "names": [evil]}),
            ("keys", {"account": evil, "networks": [evil]}),
            ("keys", {"account": evil, "limits": evil}),
        ):
            said = await self.ask("POST", path, body)
            self.assertEqual(said.status, 422, (path, body, said.body))
        await self.done("PUT", "limits/x'%3B%20DROP%20TABLE%20limits", {"clients": 1})
        from urllib.parse import quote

        for path in ("events?kind={}", "events?account={}", "usage?name={}", "names?account={}", "accounts/{}"):
            said = await self.ask("GET", path.format(quote(evil)))
            self.assertEqual(said.status, 200, (path, said.body))
        self.assertEqual([each["name"] for each in (await self.done("GET", "accounts"))["items"]], [evil])

    async def test_a_defect_of_ours(self) -> None:
        """It is told as one, without its words, and the log has it."""

        def broken() -> None:
            raise RuntimeError("secret words")

        self.patch(self.operations, "accounts", broken)
        with logging() as lines:
            said = await self.ask("GET", "accounts")
        self.assertEqual((said.status, said.word), (500, "internal"))
        self.assertNotIn(b"secret words", said.body)
        self.assertIn("a call of the admin API failed", "".join(map(str, lines)))
        self.flushLoggedErrors(RuntimeError)
