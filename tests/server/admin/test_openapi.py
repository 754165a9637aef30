"""The description of the API: it is valid OpenAPI, it has every call, and the API keeps to it (schemathesis)."""

import json
from pathlib import Path

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase

from sellia.server.admin.openapi import describe
from sellia.server.admin.routes import Scope
from sellia.server.admin.table import ROUTES
from tests.openapi import assert_sound, judge
from tests.server.admin.stage import MASTER, AdminCase


class DescriptionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.document = json.loads(json.dumps(describe(ROUTES)))

    def test_every_call_is_in_it(self) -> None:
        found = {
            operation["operationId"]: (method.upper(), path)
            for path, operations in self.document["paths"].items()
            for method, operation in operations.items()
        }
        self.assertEqual(found, {route.name: (route.method, route.path) for route in ROUTES})
        self.assertEqual(len({route.name for route in ROUTES}), len(ROUTES))

    def test_names_that_scripts_use(self) -> None:
        """They are fixed."""
        fixed = {
            *("/api/v1/accounts", "/api/v1/keys", "/api/v1/keys/{key}", "/api/v1/keys/{key}/rotate", "/api/v1/names"),
            *("/api/v1/domains", "/api/v1/limits", "/api/v1/sessions", "/api/v1/sessions/{session}"),
            *("/api/v1/events", "/api/v1/usage", "/api/v1/backup", "/api/openapi.json"),
        }
        self.assertEqual(fixed - set(self.document["paths"]), set())
        keys = self.document["components"]["schemas"]["NewKey"]["properties"]
        self.assertEqual(set(keys), {"account", "name", "scopes", "names", "networks", "expires_at", "limits"})
        parameters = {each["name"] for each in self.document["paths"]["/api/v1/usage"]["get"]["parameters"]}
        self.assertLessEqual({"from", "to"}, parameters)

    def test_references_lead_somewhere(self) -> None:
        assert_sound(self, self.document)

    def test_keys_are_asked_for(self) -> None:
        for route in ROUTES:
            operation = self.document["paths"][route.path][route.method.lower()]
            self.assertEqual(operation["security"] == [], route.scope is Scope.NOBODY, route.name)


class ConformanceTests(AdminCase):
    """Schemathesis makes requests of the description, valid and not, and judges the answers."""

    maxDiff = None
    timeout = 300
    settings = {"rate_limit": False, "auth_failures_burst": 100_000, "tcp_ports": "20000-20010"}

    async def test_the_api_keeps_to_its_description(self) -> None:
        await self.account()
        self.patch(self.storage, "backup", lambda path: Path(path).write_bytes(b"everything"))
        faults = await deferToThread(judge, f"http://127.0.0.1:{self.port}", MASTER)
        self.assertEqual("\n".join(faults), "")
