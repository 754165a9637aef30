"""Signing in at the admin page: the cookie, when it ends, and requests of other pages."""

from typing import Any

from pydantic import SecretStr

from sellia.server.admin.sign_ins import LASTS
from tests.logs import logging
from tests.server.admin.stage import MASTER, AdminCase, Said


class BrowserCase(AdminCase):
    settings = {"auth_failures_burst": 3, "auth_failures_rate": 0.001}

    @property
    def own(self) -> str:
        """The origin of the page."""
        return f"http://127.0.0.1:{self.port}"

    async def sign_in(self, key: str = MASTER) -> str:
        """Sign in; return the cookie."""
        said = await self.ask("POST", "sign-in", {"key": key}, key=None, headers={"Origin": self.own})
        self.assertEqual(said.status, 200, said.body)
        return said.headers["set-cookie"].partition(";")[0]

    async def visit(self, method: str, path: str, cookie: str, body: Any = None, **headers: str) -> Said:
        """Send what a browser sends."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.ask(method, path, body, key=None, headers={"Cookie": cookie, **fields})


class SignInTests(BrowserCase):
    async def test_the_cookie(self) -> None:
        said = await self.ask("POST", "sign-in", {"key": MASTER}, key=None)
        value, *attributes = said.headers["set-cookie"].split("; ")
        self.assertRegex(value, rf"\Asellia_admin_{self.port}=[\w-]{{43}}\Z")
        self.assertEqual(attributes, ["Path=/", f"Max-Age={LASTS:g}", "HttpOnly", "SameSite=Strict"])
        self.assertNotIn(MASTER.encode(), said.body)
        self.assertEqual((said.json["signed_in"], said.json["prefix"]), (True, "master"))
        self.assertEqual((await self.visit("GET", "accounts", f"theme=dark;{value} ; x=y")).status, 200)
        for wrong in (
            value[:-1],
            value.replace("=", "=x"),
            value.replace(str(self.port), "1"),
            "x",
            f"{value} {value}",
        ):
            self.assertEqual((await self.visit("GET", "accounts", wrong)).word, "key-required", wrong)

    async def test_who_is_signed_in(self) -> None:
        """Asking is no error, whoever asks."""
        said = await self.ask("GET", "sign-in", key=None)
        self.assertEqual((said.status, said.json["signed_in"], said.json["scopes"]), (200, False, []))
        account = await self.account()
        key = await self.key("acme", "admin:read")
        said = await self.visit("GET", "sign-in", await self.sign_in(key))
        self.assertEqual((said.json["signed_in"], said.json["account"]), (True, account))
        self.assertEqual(said.json["scopes"], ["admin:read"])
        self.assertTrue(key.startswith(said.json["prefix"]))

    async def test_who_may_sign_in(self) -> None:
        """Keys of clients may not; wrong ones count as guesses do everywhere."""
        await self.account()
        said = await self.ask("POST", "sign-in", {"key": await self.key("acme", "http")}, key=None)
        self.assertEqual((said.status, said.word), (403, "forbidden"))
        with logging() as lines:
            answers = [await self.ask("POST", "sign-in", {"key": f"guess-{each}"}, key=None) for each in range(4)]
        self.assertEqual([each.status for each in answers], [401, 401, 401, 429])
        self.assertNotIn("guess-", "".join(map(str, lines)))
        self.assertEqual((await self.ask("POST", "sign-in", {"key": MASTER}, key=None)).status, 429)
        self.assertEqual(len(self.admin.door.sign_ins), 0)

    async def test_an_event_tells(self) -> None:
        await self.sign_in()
        await self.operations.parts.recorder.finish()
        [event] = (await self.done("GET", "events?kind=admin"))["items"]
        self.assertEqual(
            (event["kind"], event["key_prefix"], event["address"]), ("admin.signed_in", "master", "127.0.0.1")
        )

    async def test_signing_in_again(self) -> None:
        """The sign-in that a browser had before ends."""
        cookie = await self.sign_in()
        await self.ask("POST", "sign-in", {"key": MASTER}, key=None, headers={"Cookie": cookie})
        self.assertEqual((await self.visit("GET", "accounts", cookie)).status, 401)

    async def test_it_is_not_done_once(self) -> None:
        """An idempotency key would give everybody the cookie of somebody."""
        fields = {"Idempotency-Key": "the-same"}
        answers = [await self.ask("POST", "sign-in", {"key": MASTER}, key=None, headers=fields) for _ in range(2)]
        self.assertEqual(len({each.headers["set-cookie"] for each in answers}), 2)

    async def test_signing_out(self) -> None:
        cookie = await self.sign_in()
        said = await self.visit("DELETE", "sign-in", cookie)
        self.assertEqual((said.status, said.word), (403, "forbidden"))
        self.assertEqual((await self.visit("GET", "accounts", cookie)).status, 200)
        said = await self.visit("DELETE", "sign-in", cookie, Origin=self.own)
        self.assertEqual(said.status, 204)
        self.assertIn("=; Path=/; Max-Age=0;", said.headers["set-cookie"])
        self.assertEqual((await self.visit("GET", "accounts", cookie)).status, 401)
        self.assertEqual((await self.ask("DELETE", "sign-in", key=None)).status, 204)


class EndTests(BrowserCase):
    async def test_a_key_that_is_revoked(self) -> None:
        """Its sign-in opens nothing from then on, and a page that goes on asking makes no guesses."""
        await self.account()
        key = await self.key("acme", "admin:read")
        cookie = await self.sign_in(key)
        shown = await self.done("GET", "key", key=key)
        await self.done("DELETE", f"keys/{shown['id']}")
        answers = [await self.visit("GET", "accounts", cookie) for _ in range(5)]
        self.assertEqual([each.status for each in answers], [401] * 5)
        self.assertEqual((await self.ask("GET", "accounts")).status, 200)

    async def test_a_key_whose_scopes_change(self) -> None:
        """They count at once for who is signed in."""
        await self.account()
        key = await self.key("acme", "admin:read")
        cookie = await self.sign_in(key)
        shown = await self.done("GET", "key", key=key)
        await self.done("PATCH", f"keys/{shown['id']}", {"scopes": ["admin:write"]})
        made = await self.visit("POST", "accounts", cookie, {"name": "other"}, Origin=self.own)
        self.assertEqual(made.status, 201)
        await self.done("PATCH", f"keys/{shown['id']}", {"scopes": ["http"]})
        self.assertEqual((await self.visit("GET", "limits", cookie)).word, "forbidden")

    async def test_a_master_key_that_changes(self) -> None:
        cookie = await self.sign_in()
        changed: Any = self.server.settings.model_copy(update={"master_key": SecretStr("another-" + "x" * 40)})
        self.server.reload(changed)
        self.assertEqual((await self.visit("GET", "accounts", cookie)).status, 401)


class OriginTests(BrowserCase):
    """What pages of others can make a browser send that is signed in."""

    async def test_reading(self) -> None:
        """A page of another port is of the same site, and its requests have the cookie."""
        cookie = await self.sign_in()
        for site in ("same-site", "cross-site"):
            self.assertEqual((await self.visit("GET", "accounts", cookie, Sec_Fetch_Site=site)).status, 403)
            self.assertEqual((await self.visit("GET", "sign-in", cookie, Sec_Fetch_Site=site)).status, 403)
        self.assertEqual((await self.visit("GET", "accounts", cookie, Sec_Fetch_Site="same-origin")).status, 200)
        self.assertEqual((await self.visit("GET", "accounts", cookie, Origin="http://evil.example")).status, 403)

    async def test_writing(self) -> None:
        cookie = await self.sign_in()
        for origin in (
            "http://evil.example",
            f"http://127.0.0.1:{self.port + 1}",
            f"http://localhost:{self.port}",
            "null",
        ):
            said = await self.visit("POST", "accounts", cookie, {"name": "evil"}, Origin=origin)
            self.assertEqual((said.status, said.word), (403, "forbidden"), origin)
        said = await self.visit("POST", "accounts", cookie, {"name": "evil"})
        self.assertIn("does not say which page", said.json["detail"])
        said = await self.visit("POST", "accounts", cookie, {"name": "fine"}, Origin=self.own)
        self.assertEqual(said.status, 201)
        self.assertEqual([each["name"] for each in (await self.done("GET", "accounts"))["items"]], ["fine"])

    async def test_signing_somebody_in(self) -> None:
        """No page signs a browser in with the key of whoever made that page."""
        for fields in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            said = await self.ask("POST", "sign-in", {"key": MASTER}, key=None, headers=fields)
            self.assertEqual((said.status, "set-cookie" in said.headers), (403, False))

    async def test_a_key_needs_no_origin(self) -> None:
        """A script that shows its key is believed, whatever cookie comes with it."""
        cookie = await self.sign_in()
        said = await self.ask("POST", "accounts", {"name": "scripted"}, headers={"Cookie": cookie})
        self.assertEqual(said.status, 201)
        said = await self.ask("GET", "accounts", key="wrong", headers={"Cookie": cookie, "Origin": self.own})
        self.assertEqual(said.word, "wrong-key")
