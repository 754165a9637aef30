"""The original's admin API on the base domain, in the shapes that its documents show and its command line reads."""

from typing import Any

from twisted.web.http_headers import Headers

from sellia.relay.names import RESERVED
from tests.server.admin.stage import MASTER, AdminCase, Said

TIME = r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\Z"


class OriginalCase(AdminCase):
    settings = {"original_admin": True}

    async def call(self, method: str, path: str, data: bytes | None = None, **fields: str) -> Said:
        """Make a call as the original's command does: with the key in both fields."""
        headers = Headers({"Host": ["localhost"], "Content-Type": ["application/json"]})
        for name, value in (fields or {"Authorization": f"Bearer {MASTER}", "X_API_Key": MASTER}).items():
            headers.setRawHeaders(name.replace("_", "-"), [value])
        url = f"http://127.0.0.1:{self.server.gateway.public_port}/api/admin/{path}"
        response: Any = await self.client.request(method, url, headers=headers, data=data)
        return Said(response.code, {}, await response.content())


class ReservedTests(OriginalCase):
    async def test_list(self) -> None:
        said = await self.call("GET", "reserved")
        self.assertEqual(said.status, 200)
        self.assertEqual({each["subdomain"] for each in said.json}, set(RESERVED))
        for each in said.json:
            self.assertEqual(list(each), ["subdomain", "reason", "is_default", "created_at"])
            self.assertTrue(each["is_default"])
            self.assertRegex(each["created_at"], TIME)

    async def test_add_and_remove(self) -> None:
        said = await self.call("POST", "reserved", b'{"subdomain": "MyCompany", "reason": "Company name protection"}')
        self.assertEqual(said.status, 201)
        made = said.json
        self.assertRegex(made.pop("created_at"), TIME)
        expected = {"subdomain": "mycompany", "reason": "Company name protection", "is_default": False}
        self.assertEqual(made, expected)
        listed = [each for each in (await self.call("GET", "reserved")).json if not each["is_default"]]
        self.assertEqual([each["subdomain"] for each in listed], ["mycompany"])
        said = await self.call("POST", "reserved", b'{"subdomain": "mycompany"}')
        self.assertEqual((said.status, said.json), (409, {"error": "Subdomain already reserved"}))
        said = await self.call("DELETE", "reserved/mycompany")
        self.assertEqual((said.status, said.json), (200, {"message": "Reserved subdomain 'mycompany' removed"}))
        said = await self.call("DELETE", "reserved/mycompany")
        self.assertEqual((said.status, said.json), (404, {"error": "Reserved subdomain not found"}))
        said = await self.call("DELETE", "reserved/admin")
        self.assertEqual((said.status, said.json), (403, {"error": "Cannot remove default reserved subdomain"}))

    async def test_names_that_cannot_be(self) -> None:
        for name, sentence in (
            ("ab", "Subdomain must be at least 3 characters"),
            ("a" * 64, "Subdomain must be at most 63 characters"),
            ("my_app", "Subdomain can only contain lowercase letters, numbers, and hyphens"),
            ("-app", "Subdomain can only contain lowercase letters, numbers, and hyphens"),
            ("m\u00fcller", "Subdomain can only contain lowercase letters, numbers, and hyphens"),
        ):
            said = await self.call("POST", "reserved", b'{"subdomain": "%b"}' % name.encode())
            self.assertEqual((said.status, said.json), (400, {"error": sentence}), name)
        for data in (b"", b"[]", b"{}", b'{"subdomain": 1}', b'{"subdomain": "app1", "reason": 1}', b"\xff"):
            said = await self.call("POST", "reserved", data)
            self.assertEqual((said.status, said.json), (400, {"error": "Invalid request"}), data)

    async def test_names_of_accounts(self) -> None:
        await self.account("acme")
        await self.done("POST", "names", {"account": "acme", "name": "acmes-app"})
        found = {each["subdomain"]: each["reason"] for each in (await self.call("GET", "reserved")).json}
        self.assertEqual(found["acmes-app"], "Reserved for acme")


class KeyTests(OriginalCase):
    async def test_create_list_and_revoke(self) -> None:
        said = await self.call("POST", "api-keys", b'{"name": "My Service Key", "is_master": false}')
        self.assertEqual(said.status, 201)
        made = said.json
        self.assertEqual(list(made), ["id", "key", "key_prefix", "name", "is_master", "active", "created_at"])
        self.assertEqual((made["id"], made["name"], made["is_master"]), (1, "My Service Key", False))
        self.assertTrue(made["key"].startswith(made["key_prefix"]))
        [listed] = (await self.call("GET", "api-keys")).json
        names = ["id", "key_prefix", "name", "is_master", "active", "created_at", "last_used_at"]
        self.assertEqual(list(listed), names)
        self.assertRegex(listed["created_at"], TIME)
        self.assertEqual((listed["active"], listed["last_used_at"]), (True, None))
        said = await self.call("DELETE", f"api-keys/{made['key_prefix']}")
        self.assertEqual((said.status, said.json), (200, {"message": f"API key '{made['key_prefix']}' revoked"}))
        self.assertFalse((await self.call("GET", "api-keys")).json[0]["active"])
        said = await self.call("DELETE", "api-keys/sl_live_none")
        self.assertEqual((said.status, said.json), (404, {"error": "API key not found"}))

    async def test_who_may_ask(self) -> None:
        """Keys with admin:write, in either field; what is wrong with others is not told."""
        master = (await self.call("POST", "api-keys", b'{"is_master": true}')).json["key"]
        plain = (await self.call("POST", "api-keys", b"{}")).json["key"]
        for fields in ({"Authorization": f"Bearer {master}"}, {"X_API_Key": master}):
            self.assertEqual((await self.call("GET", "api-keys", **fields)).status, 200)
        for fields in (
            {"X_API_Key": plain},
            {"Authorization": f"Bearer {plain}"},
            {"Authorization": "Bearer wrong", "X_API_Key": master},
            {"X_API_Key": ""},
            {"Accept": "text/html"},
        ):
            said = await self.call("GET", "api-keys", **fields)
            self.assertEqual((said.status, said.json), (401, {"error": "Unauthorized: Admin API key required"}), fields)

    async def test_other_paths(self) -> None:
        for method, path in (
            ("GET", "nothing"),
            ("PUT", "reserved"),
            ("GET", "reserved/x"),
            ("DELETE", "reserved/a/b"),
        ):
            said = await self.call(method, path)
            self.assertEqual((said.status, said.json), (404, {"error": "Not found"}), path)

    async def test_a_body_that_is_too_long(self) -> None:
        said = await self.call("POST", "reserved", b'{"subdomain": "%b"}' % (b"x" * 20_000))
        self.assertEqual(said.status, 413)


class OffTests(OriginalCase):
    settings: dict[str, Any] = {}

    async def test_it_is_off_by_default(self) -> None:
        self.assertEqual((await self.call("GET", "reserved")).status, 404)
