"""Who may call what: every scope against every call, and tenants against each other.

The table says it all; a call that is not in it fails the test, so that none is added without a word about it.
"""

from typing import Any, Final

from sellia.server.accounts.grants import ADMIN_READ, ADMIN_WRITE
from sellia.server.admin.routes import Scope
from sellia.server.admin.table import ROUTES
from tests.server.admin.stage import MASTER, AdminCase

#: What a key needs for each call: nothing, any key, a scope; ``own`` is open to every key for its own account.
TABLE: Final = {
    "showDescription": "nothing",
    "showSelf": "any key",
    "showSignIn": "nothing",
    "signIn": "nothing",
    "signOut": "nothing",
    "listAccounts": "read or own",
    "createAccount": "write",
    "showAccount": "read or own",
    "updateAccount": "write",
    "deleteAccount": "write",
    "listKeys": "read or own",
    "createKey": "write",
    "showKey": "read or own",
    "updateKey": "write",
    "revokeKey": "write",
    "rotateKey": "write",
    "listNames": "read or own",
    "reserveName": "write or own",
    "releaseName": "write or own",
    "releaseNameOfKind": "write or own",
    "listDomains": "read or own",
    "addDomain": "write or own",
    "showDomain": "read or own",
    "verifyDomain": "write or own",
    "removeDomain": "write or own",
    "listLimits": "read",
    "createLimits": "write",
    "setLimits": "write",
    "deleteLimits": "write",
    "listSessions": "read or own",
    "showSession": "read or own",
    "endSession": "write or own",
    "showOverview": "read",
    "listEvents": "read",
    "listUsage": "read or own",
    "sumUsage": "read or own",
    "getBackup": "read",
    "makeBackup": "read",
}

_SCOPES: Final = ("http", "tcp", "udp", "tls", ADMIN_READ, ADMIN_WRITE)

#: What stands in paths for things that do not exist.
_NOTHING: Final = {"account": "acc_none", "key": "key_none", "kind": "subdomain", "name": "none-such"}

#: Bodies that are valid.
_BODIES: Final[dict[str, dict[str, Any]]] = {
    "createAccount": {"name": "new"},
    "updateAccount": {"note": "x"},
    "createKey": {"account": "acc_none"},
    "updateKey": {},
    "rotateKey": {},
    "reserveName": {"name": "new-name"},
    "addDomain": {"domain": "new.example.com"},
    "createLimits": {"name": "new"},
    "setLimits": {},
    "signIn": {"key": MASTER},
}


class TableTests(AdminCase):
    settings = {"rate_limit": False, "auth_failures_burst": 1000}

    def test_the_table_has_every_call(self) -> None:
        self.assertEqual({route.name for route in ROUTES}, set(TABLE))
        for route in ROUTES:
            said = TABLE[route.name]
            scope = {"nothing": Scope.NOBODY, "any key": Scope.ANY, "read": Scope.READ, "write": Scope.WRITE}
            self.assertIs(route.scope, scope[said.removesuffix(" or own")], route.name)
            self.assertEqual(route.own, said.endswith(" or own"), route.name)

    async def test_every_scope_with_every_call(self) -> None:
        await self.account()
        keys = {scope: await self.key("acme", scope) for scope in _SCOPES}
        for route in ROUTES:
            names = {**_NOTHING, "class": "none", "session": "ses_none", "domain": "none.example.com"}
            path = route.path.format(**names)
            body = _BODIES.get(route.name) if route.body is not None else None
            needs = TABLE[route.name]
            unknown = await self.ask(route.method, path, body, key=None)
            self.assertEqual(unknown.status == 401, needs != "nothing", (route.name, unknown.body))
            wrong = await self.ask(route.method, path, body, key="sl_live_" + "x" * 47)
            self.assertEqual(wrong.status == 401, needs != "nothing", (route.name, wrong.body))
            for scope, key in keys.items():
                allowed = (
                    needs in ("nothing", "any key")
                    or needs.endswith("own")
                    or scope == ADMIN_WRITE
                    or (scope == ADMIN_READ and needs == "read")
                )
                said = await self.ask(route.method, path, body, key=key)
                if allowed and needs.endswith("own"):
                    # A tenant is told that another's things are not there, or that it means its own alone.
                    self.assertIn(said.status, (200, 201, 204, 403, 404, 409), (route.name, scope, said.body))
                else:
                    self.assertEqual(said.status != 403, allowed, (route.name, scope, said.body))
                self.assertNotEqual(said.status, 500, (route.name, scope))


class CookieTests(AdminCase):
    """A browser that is signed in may do what its key may, and nothing of it for another page."""

    settings = {"rate_limit": False}

    async def test_every_scope_with_every_call(self) -> None:
        await self.account()
        for scope in (ADMIN_READ, ADMIN_WRITE):
            key = await self.key("acme", scope)
            cookie = (await self.ask("POST", "sign-in", {"key": key}, key=None)).headers["set-cookie"]
            shown = {"Cookie": cookie.partition(";")[0]}
            own = {**shown, "Origin": f"http://127.0.0.1:{self.port}"}
            for route in ROUTES:
                if TABLE[route.name] == "nothing":
                    continue
                names = {**_NOTHING, "class": "none", "session": "ses_none", "domain": "none.example.com"}
                path = route.path.format(**names)
                body = _BODIES.get(route.name) if route.body is not None else None
                by_key = await self.ask(route.method, path, body, key=key)
                by_cookie = await self.ask(route.method, path, body, key=None, headers=own)
                if by_key.status >= 300:
                    self.assertEqual(by_cookie.status, by_key.status, (route.name, by_cookie.body))
                else:  # what the key has made is there already, and what it has taken away is gone
                    self.assertIn(by_cookie.status, (by_key.status, 409, 404), (route.name, by_cookie.body))
                self.assertEqual(by_cookie.status == 403, by_key.status == 403, route.name)
                if route.writes:
                    for other in ({}, {"Origin": "http://127.0.0.1:1"}, {"Origin": "null"}):
                        sneaked = await self.ask(route.method, path, body, key=None, headers={**shown, **other})
                        self.assertEqual((sneaked.status, sneaked.word), (403, "forbidden"), route.name)


class TenantTests(AdminCase):
    """A tenant that tries to see, hold, kick or measure another's."""

    settings = {"rate_limit": False}

    async def setUp(self) -> None:  # type: ignore[override]  # trial waits for it
        await super().setUp()
        self.victim = await self.account("victim")
        await self.key("victim", name="the key of the victim")
        self.victims_key = (await self.done("GET", "keys?account=victim"))["items"][0]["id"]
        await self.done("POST", "names", {"account": "victim", "name": "victims-app"})
        await self.done("POST", "domains", {"account": "victim", "domain": "victim.example.com"})
        self.tenant = await self.account("tenant")
        self.tenants_key = await self.key("tenant", "http")

    async def ask_as_tenant(self, method: str, path: str, body: Any = None) -> Any:
        said = await self.ask(method, path, body, key=self.tenants_key)
        if "victims-app" not in path and body is None:
            self.assertNotIn(b"victims-app", said.body)
        self.assertNotIn(b"the key of the victim", said.body)
        return said

    async def test_lists_have_its_own_things_alone(self) -> None:
        for path in ("names", "domains", "sessions", "usage"):
            self.assertEqual((await self.ask_as_tenant("GET", path)).json["items"], [], path)
        self.assertEqual(
            [each["id"] for each in (await self.ask_as_tenant("GET", "accounts")).json["items"]], [self.tenant]
        )
        [key] = (await self.ask_as_tenant("GET", "keys")).json["items"]
        self.assertEqual(key["account"], self.tenant)

    async def test_another_account_cannot_be_meant(self) -> None:
        """Whether it exists makes no difference."""
        for path in ("names", "domains", "keys", "sessions", "usage"):
            answers = [await self.ask_as_tenant("GET", f"{path}?account={each}") for each in ("victim", "nobody")]
            self.assertEqual({each.status for each in answers}, {403}, path)
            self.assertEqual(answers[0].body, answers[1].body)
        one, other = [await self.ask_as_tenant("GET", f"accounts/{each}") for each in ("victim", "nobody")]
        self.assertEqual((one.status, one.body), (403, other.body))

    async def test_nothing_of_another_can_be_taken(self) -> None:
        for method, path, body, status in (
            ("DELETE", "names/victims-app", None, 404),
            ("DELETE", "names/subdomain/victims-app", None, 404),
            ("DELETE", "domains/victim.example.com", None, 404),
            ("GET", "domains/victim.example.com", None, 404),
            ("GET", f"keys/{self.victims_key}", None, 404),
            ("DELETE", f"keys/{self.victims_key}", None, 403),
            ("POST", f"keys/{self.victims_key}/rotate", {}, 403),
            ("POST", "names", {"name": "mine", "account": "victim"}, 403),
            ("POST", "names", {"name": "victims-app"}, 409),
            ("POST", "domains", {"domain": "mine.example.com", "account": "victim"}, 403),
            ("POST", "domains", {"domain": "mine.example.com", "proved": True}, 403),
            ("POST", "keys", {"account": "tenant", "scopes": ["admin:write"]}, 403),
            ("PATCH", "accounts/tenant", {"limits": "default"}, 403),
            ("DELETE", "accounts/victim", None, 403),
            ("GET", "events", None, 403),
            ("GET", "limits", None, 403),
            ("GET", "overview", None, 403),
            ("GET", "backup", None, 403),
        ):
            said = await self.ask_as_tenant(method, path, body)
            self.assertEqual(said.status, status, (method, path, said.body))
        self.assertEqual(len((await self.done("GET", "names"))["items"]), 1)

    async def test_refusals_tell_nothing(self) -> None:
        """What is another's and what does not exist are told in the same words."""
        for path in ("names/{}", "names/subdomain/{}", "domains/{}.example.com"):
            name = "victim" if "domains" in path else "victims-app"
            one = await self.ask_as_tenant("DELETE", path.format(name))
            other = await self.ask_as_tenant("DELETE", path.format("nobodys"))
            self.assertEqual(one.body.replace(name.encode(), b""), other.body.replace(b"nobodys", b""), path)

    async def test_its_own_things(self) -> None:
        made = await self.ask_as_tenant("POST", "names", {"name": "tenants-app"})
        self.assertEqual((made.status, made.json["account"]), (201, self.tenant))
        self.assertEqual((await self.ask_as_tenant("DELETE", "names/tenants-app")).status, 204)
        made = await self.ask_as_tenant("POST", "domains", {"domain": "tenant.example.com", "account": "tenant"})
        self.assertEqual((made.status, made.json["proved_at"]), (201, None))
        self.assertEqual((await self.ask_as_tenant("DELETE", "domains/tenant.example.com")).status, 204)
