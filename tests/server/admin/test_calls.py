"""Every call of the API, over a real socket and the operations of a real server."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.server.admin.stage import MASTER, AdminCase


class AccountTests(AdminCase):
    async def test_life_of_an_account(self) -> None:
        made = await self.ask("POST", "accounts", {"name": "acme", "note": "The people from acme"})
        self.assertEqual(made.status, 201)
        account = made.json
        self.assertEqual((account["name"], account["limits"], account["closed_at"]), ("acme", "default", None))
        self.assertEqual(await self.done("GET", "accounts"), {"items": [account], "next": None})
        for named in (account["id"], "acme"):
            self.assertEqual(await self.done("GET", f"accounts/{named}"), account)
        changed = await self.done("PATCH", "accounts/acme", {"name": "apex", "closed": True})
        self.assertEqual((changed["id"], changed["name"]), (account["id"], "apex"))
        self.assertIsNotNone(changed["closed_at"])
        self.assertIsNone((await self.done("PATCH", "accounts/apex", {"closed": False}))["closed_at"])
        self.assertEqual((await self.ask("DELETE", "accounts/apex")).status, 204)
        self.assertEqual((await self.ask("GET", "accounts/apex")).word, "no-such-thing")

    async def test_what_cannot_be(self) -> None:
        await self.account()
        for body, status, word in (
            ({"name": "acme"}, 409, "already-exists"),
            ({"name": "x", "limits": "team"}, 422, "invalid-value"),
            ({"name": "acc_1"}, 422, "invalid-value"),
            ({"name": " x"}, 422, "invalid-value"),
            ({"name": "x\u202ey"}, 422, "invalid-value"),
        ):
            said = await self.ask("POST", "accounts", body)
            self.assertEqual((said.status, said.word), (status, word), body)


class KeyTests(AdminCase):
    async def test_life_of_a_key(self) -> None:
        account = await self.account()
        expiry = (datetime.now(UTC) + timedelta(days=1)).isoformat().replace("+00:00", "Z")
        given = {"name": "laptop", "scopes": ["http", "tcp"], "names": ["app-*"], "networks": ["10.0.0.0/8"]}
        made = await self.ask("POST", "keys", {"account": "acme", **given, "expires_at": expiry, "limits": None})
        self.assertEqual(made.status, 201)
        key = made.json
        self.assertTrue(key["key"].startswith(key["prefix"]) and key["prefix"].startswith("sl_live_"))
        self.assertEqual((key["account"], key["state"], key["names"]), (account, "active", ["app-*"]))
        secret = key.pop("key")
        self.assertEqual(await self.done("GET", "keys?account=acme"), {"items": [key], "next": None})
        self.assertEqual(await self.done("GET", f"keys/{key['id']}"), key)
        changed = await self.done("PATCH", f"keys/{key['id']}", {"names": [], "expires_at": None})
        self.assertEqual((changed["names"], changed["expires_at"], changed["scopes"]), ([], None, ["http", "tcp"]))
        rotated = await self.ask("POST", f"keys/{key['id']}/rotate", {"overlap_seconds": 3600})
        self.assertEqual((rotated.status, rotated.json["replaces"]), (201, key["id"]))
        self.assertNotEqual(rotated.json["key"], secret)
        self.assertEqual((await self.done("GET", f"keys/{key['id']}"))["state"], "active")
        self.assertEqual((await self.ask("DELETE", f"keys/{key['id']}")).status, 204)
        self.assertEqual((await self.ask("DELETE", f"keys/{key['id']}")).status, 204)
        self.assertEqual((await self.done("GET", f"keys/{key['id']}"))["state"], "revoked")
        self.assertEqual((await self.ask("DELETE", "keys/key_none")).word, "no-such-thing")

    async def test_limits_of_a_key(self) -> None:
        """A class, or figures of its own, or none."""
        await self.account()
        await self.done("POST", "limits", {"name": "small", "tunnels": 1})
        made = await self.done("POST", "keys", {"account": "acme", "limits": "small"})
        self.assertEqual(made["limits"], "small")
        none = {"clients": None, "names": None, "streams": None, "requests_per_second": None, "bytes_per_month": None}
        path = f"keys/{made['id']}"
        changed = await self.done("PATCH", path, {"limits": {"tunnels": 3}})
        self.assertEqual(changed["limits"], {**none, "tunnels": 3})
        self.assertEqual((await self.done("PATCH", path, {"name": "x"}))["limits"], {**none, "tunnels": 3})
        self.assertIsNone((await self.done("PATCH", path, {"limits": None}))["limits"])
        made = await self.done("POST", "keys", {"account": "acme", "limits": {"bytes_per_month": 10**9}})
        self.assertEqual(made["limits"], {**none, "tunnels": None, "bytes_per_month": 10**9})
        listed = await self.done("GET", "limits")
        self.assertEqual([each["name"] for each in listed["items"]], ["default", "small"])
        said = await self.ask("POST", "keys", {"account": "acme", "limits": {"tunnels": -1}})
        self.assertEqual(said.status, 422)
        self.assertIn("limits.tunnels must be at least 0", said.json["detail"])

    async def test_a_secret_is_shown_once(self) -> None:
        await self.account()
        secret = await self.key()
        for path in ("keys", "events", "accounts", "/api/openapi.json"):
            self.assertNotIn(secret[14:].encode(), (await self.ask("GET", path)).body)

    async def test_rotation_without_overlap_ends_the_old_key(self) -> None:
        await self.account()
        old = await self.key("acme", "admin:read")
        shown = await self.done("GET", "key", key=old)
        new = await self.done("POST", f"keys/{shown['id']}/rotate", {})
        self.assertEqual((await self.ask("GET", "key", key=old)).word, "wrong-key")
        self.assertEqual((await self.done("GET", "key", key=new["key"]))["scopes"], ["admin:read"])

    async def test_what_cannot_be(self) -> None:
        await self.account()
        past = (datetime.now(UTC) - timedelta(days=1)).isoformat()
        for body, word in (
            ({"account": "nobody"}, "no-such-thing"),
            ({"account": "acme", "scopes": []}, "invalid-value"),
            ({"account": "acme", "networks": ["10.0.0.0/99"]}, "invalid-value"),
            ({"account": "acme", "names": ["a/b/c"]}, "invalid-value"),
            ({"account": "acme", "expires_at": past}, "invalid-value"),
            ({"account": "acme", "limits": "none"}, "invalid-value"),
        ):
            said = await self.ask("POST", "keys", body)
            self.assertEqual(said.word, word, body)


class NameTests(AdminCase):
    settings = {"tcp_ports": "20000-20010"}

    async def test_life_of_names(self) -> None:
        account = await self.account()
        for kind, name in (("subdomain", "myapp"), ("wildcard", "*.myapp"), ("port", "tcp/20000")):
            made = await self.ask("POST", "names", {"account": "acme", "kind": kind, "name": name, "note": "ours"})
            self.assertEqual((made.status, made.json["name"], made.json["account"]), (201, name, account))
        items = (await self.done("GET", "names"))["items"]
        self.assertEqual([each["name"] for each in items], ["tcp/20000", "myapp", "*.myapp"])
        self.assertEqual({each["note"] for each in items}, {"ours"})
        await self.account("other")
        said = await self.ask("POST", "names", {"account": "other", "name": "myapp"})
        self.assertEqual((said.status, said.word), (409, "already-exists"))
        for path in ("names/*.myapp", "names/myapp", "names/port/tcp%2F20000"):
            self.assertEqual((await self.ask("DELETE", path)).status, 204, path)
        self.assertEqual((await self.ask("DELETE", "names/myapp")).word, "no-such-thing")
        self.assertEqual((await self.done("GET", "names"))["items"], [])

    async def test_names_that_cannot_be(self) -> None:
        await self.account()
        for name, kind, word in (
            ("x", "subdomain", "name-invalid"),
            ("a.b", "subdomain", "name-invalid"),
            ("admin", "subdomain", "name-reserved"),
            ("tcp/1", "port", "invalid-value"),
        ):
            said = await self.ask("POST", "names", {"account": "acme", "name": name, "kind": kind})
            self.assertEqual((said.status, said.word), (409 if word == "name-reserved" else 422, word))

    async def test_a_name_for_nobody(self) -> None:
        """An admin takes a name out of use."""
        made = await self.done("POST", "names", {"name": "blocked", "note": "Not yet"})
        self.assertEqual((made["account"], made["note"]), (None, "Not yet"))
        await self.account()
        said = await self.ask("POST", "names", {"account": "acme", "name": "blocked"})
        self.assertEqual(said.word, "already-exists")
        self.assertEqual((await self.ask("DELETE", "names/blocked")).status, 204)


class DomainTests(AdminCase):
    async def test_life_of_a_domain(self) -> None:
        account = await self.account()
        made = await self.ask("POST", "domains", {"account": "acme", "domain": "WWW.Example.com"})
        self.assertEqual((made.status, made.json["domain"], made.json["account"]), (201, "www.example.com", account))
        self.assertIsNone(made.json["proved_at"])
        self.assertEqual((await self.done("GET", "domains"))["items"], [made.json])
        self.assertEqual((await self.done("GET", "names"))["items"], [])
        self.assertEqual(await self.done("GET", "domains/www.example.com"), made.json)
        vouched = await self.done("POST", "domains", {"account": "acme", "domain": "b.example.com", "proved": True})
        self.assertIsNotNone(vouched["proved_at"])
        self.assertEqual((await self.ask("DELETE", "domains/www.example.com")).status, 204)
        self.assertEqual((await self.ask("GET", "domains/www.example.com")).word, "no-such-thing")


class LimitTests(AdminCase):
    async def test_life_of_a_class(self) -> None:
        figures = {"clients": 2, "tunnels": 3, "requests_per_second": 2.5}
        made = await self.ask("POST", "limits", {"name": "team", **figures})
        self.assertEqual(made.status, 201)
        self.assertEqual(
            made.json, {"name": "team", "names": None, "streams": None, "bytes_per_month": None, **figures}
        )
        replaced = await self.done("PUT", "limits/team", {"clients": 5})
        self.assertEqual((replaced["clients"], replaced["tunnels"]), (5, None))
        self.assertEqual([each["name"] for each in (await self.done("GET", "limits"))["items"]], ["default", "team"])
        await self.account("acme", limits="team")
        self.assertEqual((await self.ask("DELETE", "limits/team")).word, "still-in-use")
        await self.done("PATCH", "accounts/acme", {"limits": "default"})
        self.assertEqual((await self.ask("DELETE", "limits/team")).status, 204)
        self.assertEqual((await self.ask("DELETE", "limits/team")).word, "no-such-thing")
        self.assertEqual((await self.ask("DELETE", "limits/default")).word, "still-in-use")


class ReadingTests(AdminCase):
    async def test_pages(self) -> None:
        """They neither repeat nor leave out anything, also when something is added between two."""
        for number in range(7):
            await self.account(f"a{number}")
        found: list[str] = []
        cursor = ""
        while True:
            page = await self.done("GET", f"accounts?limit=3{cursor}")
            found += [each["name"] for each in page["items"]]
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
            await self.account(f"a{len(found)}z")
        self.assertEqual(found, sorted(set(found)))
        self.assertEqual([each for each in found if len(each) == 2], [f"a{number}" for number in range(7)])
        said = await self.ask("GET", f"keys?cursor={cursor.partition('=')[2]}")
        self.assertEqual(said.word, "invalid-value")

    async def test_events(self) -> None:
        account = await self.account()
        await self.key()
        page = await self.done("GET", "events?after=0")
        kinds = [each["kind"] for each in page["items"]]
        self.assertEqual(kinds, ["account.created", "key.created"])
        self.assertEqual(page["items"][0]["subject"], account)
        self.assertEqual((page["items"][0]["key_prefix"], page["items"][0]["address"]), ("master", "127.0.0.1"))
        self.assertEqual(page["after"], page["items"][1]["id"])
        again = await self.done("GET", f"events?after={page['after']}")
        self.assertEqual(again, {"items": [], "after": page["after"]})
        newest = await self.done("GET", "events?newest=true&limit=1&kind=key")
        self.assertEqual([each["kind"] for each in newest["items"]], ["key.created"])

    async def test_usage(self) -> None:
        self.assertEqual(await self.done("GET", "usage?from=2027-01-01&to=2027-01-31"), {"items": [], "next": None})
        for query in ("from=2027-02-01&to=2027-01-31", "from=2000-01-01&to=2027-01-01", "from=x", "from=2027-13-01"):
            self.assertEqual((await self.ask("GET", f"usage?{query}")).status, 422, query)
        await self.done("GET", "usage?to=0001-01-02")

    async def test_overview_and_sessions(self) -> None:
        found = await self.done("GET", "overview")
        self.assertEqual((found["sessions"], found["database"], found["draining"]), (0, "well", False))
        self.assertEqual(await self.done("GET", "sessions"), {"items": [], "next": None})
        self.assertEqual((await self.ask("DELETE", "sessions/ses_none")).word, "no-such-thing")

    async def test_the_key_that_is_shown(self) -> None:
        """In the form that ``sellia auth login`` reads, as well."""
        master = await self.done("GET", "key")
        self.assertEqual((master["account"], master["prefix"]), (None, "master"))
        self.assertIn("admin:write", master["scopes"])
        account = await self.account()
        shown = await self.done("GET", "key", key=await self.key("acme", "http", names=["app-*"]))
        self.assertEqual((shown["account"], shown["scopes"], shown["names"]), (account, ["http"], ["app-*"]))
        self.assertEqual(shown["limits"]["tunnels"], 2000)

    async def test_description(self) -> None:
        said = await self.ask("GET", "/api/openapi.json", key=None)
        self.assertEqual(said.headers["content-type"], "application/json")
        self.assertEqual(said.json["openapi"], "3.1.0")
        head = await self.ask("HEAD", "/api/openapi.json", key=None)
        self.assertEqual((head.status, head.body), (200, b""))

    async def test_backup(self) -> None:
        copied: list[Any] = []

        def backup(path: str) -> None:
            copied.append(path)
            with open(path, "wb") as file:
                file.write(b"everything " * 20_000)

        self.patch(self.storage, "backup", backup)
        for method in ("GET", "POST"):
            said = await self.ask(method, "backup")
            self.assertEqual((said.status, said.body), (200, b"everything " * 20_000))
            self.assertRegex(said.headers["content-disposition"], r'^attachment; filename="sellia-\w+\.backup"$')
        self.assertEqual([each for each in copied if self.exists(each)], [])

    def exists(self, path: str) -> bool:
        from pathlib import Path

        return Path(path).parent.exists()


class OnceTests(AdminCase):
    async def test_a_write_that_is_repeated(self) -> None:
        await self.account()
        headers = {"Idempotency-Key": "a-random-text"}
        first = await self.ask("POST", "keys", {"account": "acme"}, headers=headers)
        again = await self.ask("POST", "keys", {"account": "acme"}, headers=headers)
        self.assertEqual((first.status, again.body), (201, first.body))
        self.assertEqual(len((await self.done("GET", "keys"))["items"]), 1)
        other = await self.ask("POST", "keys", {"account": "acme", "name": "x"}, headers=headers)
        self.assertEqual((other.status, other.word), (422, "idempotency-key-reused"))
        somebody = await self.key("acme", "admin:write")
        same = await self.ask("POST", "keys", {"account": "acme"}, headers=headers, key=somebody)
        self.assertNotEqual(same.json["id"], first.json["id"])
        bad = await self.ask("POST", "keys", {"account": "acme"}, headers={"Idempotency-Key": "a b"})
        self.assertEqual(bad.word, "invalid-value")

    async def test_after_a_restart(self) -> None:
        """The storage remembers the answer, without what was shown once."""
        await self.account()
        headers = {"Idempotency-Key": "a-random-text"}
        first = await self.ask("POST", "keys", {"account": "acme"}, headers=headers)
        await self.admin.stopService()
        await self.restart()
        again = await self.ask("POST", "keys", {"account": "acme"}, headers=headers)
        self.assertEqual((again.status, again.json["id"], again.json["key"]), (201, first.json["id"], None))
        self.assertNotIn(first.json["key"].encode(), json.dumps(self.kept()).encode())
        other = await self.ask("POST", "keys", {"account": "acme", "name": "x"}, headers=headers)
        self.assertEqual(other.word, "idempotency-key-reused")

    def kept(self) -> Any:
        found = self.storage.answer("key_master", "a-random-text")
        assert found is not None
        return found.body.decode()

    async def test_what_was_refused_is_refused_again(self) -> None:
        headers = {"Idempotency-Key": "refused"}
        for _ in range(2):
            said = await self.ask("POST", "keys", {"account": "nobody"}, headers=headers)
            self.assertEqual((said.status, said.headers["content-type"]), (404, "application/problem+json"))


class MasterTests(AdminCase):
    async def test_the_master_key_is_an_admin(self) -> None:
        self.assertEqual((await self.ask("GET", "accounts", key=MASTER)).status, 200)
