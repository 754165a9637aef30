"""The description of the inspector's API: every endpoint is in it, and it is sound."""

import json
import re

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from sellia.client.inspector.api import TABLE
from tests.client.inspector.stage import SiteCase
from tests.openapi import assert_sound
from tests.processes import ROOT


class DescriptionTests(SiteCase):
    def setUp(self) -> None:
        super().setUp()
        self.document = self.ask("/api/openapi.json").json

    def test_every_endpoint_is_in_it(self) -> None:
        found = {(method.upper(), path) for path, each in self.document["paths"].items() for method in each}
        self.assertEqual(found, {(each.method, each.path) for each in TABLE.endpoints})
        names = [each["operationId"] for path in self.document["paths"].values() for each in path.values()]
        self.assertEqual(len(set(names)), len(names))

    def test_every_path_is_in_the_documents(self) -> None:
        """The table of ``docs/inspector.rst`` has the paths that there are."""
        page = (ROOT / "docs" / "inspector.rst").read_text("utf-8")
        found = set(re.findall(r"^``(/api/[^`]+)``  *\S", page, re.MULTILINE))
        named = {path.replace("{id}", "ID").replace("{number}", "NUMBER") for path in self.document["paths"]}
        self.assertEqual(found, named)

    def test_names_that_scripts_use(self) -> None:
        """They are fixed."""
        one = "/api/exchanges/{id}"
        fixed = {
            *("/api/status", "/api/tunnels", "/api/exchanges", one, f"{one}/request-body", f"{one}/response-body"),
            *(f"{one}/messages", f"{one}/replay", "/api/websockets/{id}/send", "/api/holds", "/api/har", "/api/events"),
            "/api/why/{id}",
        }
        self.assertEqual(fixed - set(self.document["paths"]), set())

    def test_references_lead_somewhere(self) -> None:
        assert_sound(self, self.document)

    def test_answers_fit(self) -> None:
        """What is answered is as it is described, a problem too."""
        self.exchange()
        components = self.document["components"]
        for path in ("/api/status", "/api/tunnels", "/api/exchanges", "/api/exchanges/1"):
            endpoint, _ = TABLE.find("GET", path)
            operation = self.document["paths"][endpoint.path]["get"]
            schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
            told = self.ask(path)
            self.assertEqual(told.status, 200, path)
            Draft202012Validator({**schema, "components": components}).validate(json.loads(told.body))
        problem = {"$ref": "#/components/schemas/Problem", "components": components}
        Draft202012Validator(problem).validate(self.ask("/api/exchanges/99").json)
