"""JSON Schemas: of what a file may say, in its groups."""

from importlib import import_module
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.settings.schema import schema_of
from tests.settings.cases import Whole
from tests.settings.test_groups import Grouped


class SchemaTests(SynchronousTestCase):
    def faults(self, model: Any, value: object) -> list[str]:
        schema = schema_of(model, "Test")
        validator = import_module("jsonschema").Draft202012Validator
        validator.check_schema(schema)
        return [each.message for each in validator(schema).iter_errors(value)]

    def test_values(self) -> None:
        right: tuple[dict[str, Any], ...] = (
            {"version": 1, "port": 80, "limit": "64 KiB", "pause": "1h30m", "key": "k", "parts": [{"port": 1}]},
            {"limit": 5, "pause": 0.5, "quick": False},
        )
        for value in right:
            self.assertEqual(self.faults(Whole, value), [])
        for value in (
            *({"version": 2}, {"port": "x"}, {"limit": "64 KB"}, {"limit": 0}, {"pause": "soon"}, {"pause": 0}),
            *({"nothing": 1}, {"parts": [{}]}, {"parts": [{"port": 1, "x": 1}]}),
        ):
            self.assertEqual(len(self.faults(Whole, value)), 1, value)

    def test_groups(self) -> None:
        self.assertEqual(self.faults(Grouped, {"size": {"width": 1}, "rates": {"requests": {"burst": 2}}}), [])
        self.assertEqual(self.faults(Grouped, {"size": None}), [])
        self.assertEqual(len(self.faults(Grouped, {"size": {"burst": 1}})), 1)
        self.assertEqual(len(self.faults(Grouped, {"width": 1})), 1)

    def test_what_editors_show(self) -> None:
        schema = schema_of(Grouped, "Test")
        self.assertEqual(schema["properties"]["size"]["properties"]["height"]["description"], "A height.")
        self.assertNotIn("variable", str(schema))
