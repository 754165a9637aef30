"""``sellia config schema``: schemas that the settings files of the documents fit."""

import json
from importlib import import_module
from typing import Any

from tests.cli.commands.config.case import ConfigCase


class SchemaTests(ConfigCase):
    def validator(self, role: str) -> Any:
        schema = json.loads(self.invoke("config", "schema", "--for", role))
        kind = import_module("jsonschema").Draft202012Validator
        kind.check_schema(schema)
        return kind(schema)

    def test_client(self) -> None:
        validator = self.validator("client")
        right: Any = {"version": 1, "server": "https://t.example", "tunnels": {"web": {"target": 5173, "auth": "u:p"}}}
        paths: Any = {"tunnels": {"web": {"paths": {"/": 5173, "/api": {"target": "localhost:8000", "strip": True}}}}}
        profiles: Any = {"profile": "work", "profiles": {"work": {"server": "https://t.example"}}}
        more: Any = {"defaults": {"request_timeout": "2m"}, "log": {"level": "debug"}}
        good: list[Any] = [right, paths, profiles, more, {}]
        for value in good:
            self.assertEqual([each.message for each in validator.iter_errors(value)], [])
        bad: tuple[Any, ...] = (
            *({"sever": "x"}, {"tunnels": {"web": {"targt": 1}}}, {"tunnels": 1}, {"log": {"level": "loud"}}),
            {"tunnels": {"web": {"paths": {"/": {"targt": 1}}}}},
        )
        for value in bad:
            self.assertFalse(validator.is_valid(value), value)

    def test_server(self) -> None:
        validator = self.validator("server")
        self.assertTrue(validator.is_valid({"domain": "t.example", "listen": "tcp:1", "trust_proxy": ["unix"]}))
        self.assertTrue(validator.is_valid({"timeouts": {"request": "2m"}, "limits": {"session_credit": "64 MiB"}}))
        self.assertFalse(validator.is_valid({"limits": {"tunels": 1}}))
