"""The description of the API: it is valid OpenAPI, it has every call, and the API keeps to it (schemathesis)."""

import json
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from schemathesis.specs.openapi.checks import positive_data_acceptance
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase

from sellia.server.admin.openapi import describe
from sellia.server.admin.routes import Scope
from sellia.server.admin.table import ROUTES
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
        schemas = self.document["components"]["schemas"]

        def walk(value: Any) -> None:
            if isinstance(value, dict):
                if "$ref" in value:
                    self.assertIn(value["$ref"].removeprefix("#/components/schemas/"), schemas)
                for each in value.values():
                    walk(each)
            elif isinstance(value, list):
                for each in value:
                    walk(each)

        walk(self.document)
        for schema in schemas.values():
            Draft202012Validator.check_schema(schema)

    def test_keys_are_asked_for(self) -> None:
        for route in ROUTES:
            operation = self.document["paths"][route.path][route.method.lower()]
            self.assertEqual(operation["security"] == [], route.scope is Scope.NOBODY, route.name)


class ConformanceTests(AdminCase):
    maxDiff = None

    """Schemathesis makes requests of the description, valid and not, and judges the answers."""

    timeout = 300
    settings = {"rate_limit": False, "auth_failures_burst": 100_000, "tcp_ports": "20000-20010"}

    async def test_the_api_keeps_to_its_description(self) -> None:
        await self.account()
        self.patch(self.storage, "backup", lambda path: Path(path).write_bytes(b"everything"))
        faults = await deferToThread(judge, f"http://127.0.0.1:{self.port}", MASTER)
        self.assertEqual("\n".join(faults), "")


def judge(url: str, key: str, examples: int = 3) -> list[str]:
    """Let schemathesis try every call with so many valid and invalid requests; return what it finds wrong."""
    often = settings(_EXAMPLES, max_examples=examples)
    schema = schemathesis.openapi.from_url(f"{url}/api/openapi.json")
    faults: list[str] = []
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
            one = often(
                given(case=operation.as_strategy(generation_mode=mode))(
                    _one(key, valid=mode is schemathesis.GenerationMode.POSITIVE)
                )
            )
            try:
                one()
            except Unsatisfiable:
                pass  # there is no invalid request of this call
            except BaseException as error:  # a group of schemathesis's own
                faults.append(f"{operation.label}: {error!r} {getattr(error, 'exceptions', '')}")
    return faults


def _one(key: str, *, valid: bool) -> Any:
    def one(case: Any) -> None:
        response = case.call(headers={"Authorization": f"Bearer {key}"})
        # What no schema can say (whether a name is free, or a cursor is one) may be refused, but not for its form.
        case.validate_response(response, excluded_checks=[positive_data_acceptance])
        if valid and response.status_code == 422 and b'"faults"' in response.content:
            raise AssertionError(f"a valid request was refused: {case.as_curl_command()}: {response.text}")

    return one


_EXAMPLES = settings(
    max_examples=3,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
