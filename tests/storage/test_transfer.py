"""Reading of exports that are not what they should be."""

from __future__ import annotations

import io
import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.storage.failures import StorageError
from sellia.storage.transfer import export, import_
from tests.storage.copies import fill
from tests.storage.files import new_file, open_file


class ImportTests(SynchronousTestCase):
    def setUp(self) -> None:
        source = open_file(new_file(self.mktemp()))
        fill(source)
        output = io.BytesIO()
        export(source.database, output)
        source.close()
        self.lines = output.getvalue().splitlines(keepends=True)
        self.storage = open_file(new_file(self.mktemp()))
        self.addCleanup(self.storage.close)

    def refused(self, lines: list[bytes]) -> str:
        with self.assertRaises(StorageError) as caught:
            import_(self.storage.database, lines, "export.jsonl")
        found = self.storage.directory()
        self.assertEqual((list(found.accounts), [each.name for each in found.limits]), ([], ["default"]))
        return str(caught.exception)

    def changed(self, table: str, **values: Any) -> list[bytes]:
        """The lines, with other values in a row of a table."""
        lines = list(self.lines)
        for number, line in enumerate(lines):
            found = json.loads(line)
            if found.get("table") == table:
                found["row"] |= values
                lines[number] = json.dumps(found).encode()
                return lines
        raise AssertionError(table)

    def test_whole_file(self) -> None:
        import_(self.storage.database, self.lines, "export.jsonl")
        self.assertEqual(len(self.storage.directory().accounts), 3)

    def test_what_is_no_export(self) -> None:
        for lines in ([b"{}"], [b'{"sellia": 1}'], [b'{"sellia": "backup"}']):
            self.assertIn("export.jsonl is no export of Sellia", self.refused(lines))
        for line in (b"", b"\xff\xfe", b"[]", b"null", b"[" * 100_000, b'{"a": "' + b"x" * 5_000_000 + b'"}'):
            self.assertIn("export.jsonl, line 1 is not a JSON object", self.refused([line]))
        self.assertIn("is not complete", self.refused([]))
        for change in ({"format": 2}, {"schema": "0999"}):
            head = json.dumps({**json.loads(self.lines[0]), **change}).encode()
            self.assertIn("of another version of Sellia", self.refused([head, *self.lines[1:]]))

    def test_what_was_cut_off(self) -> None:
        for number in range(1, len(self.lines)):
            self.assertIn("is not complete", self.refused(self.lines[:number]))
        half = [*self.lines[:5], self.lines[5][:20]]
        self.assertIn("export.jsonl, line 6 is not a JSON object", self.refused(half))
        self.assertIn("is not complete", self.refused([*self.lines[:-3], *self.lines[-2:]]))
        self.assertIn("is not complete", self.refused([*self.lines, self.lines[5]]))

    def test_rows_that_are_wrong(self) -> None:
        for table, values in (
            ("keys", {"digest": "zz"}),
            ("keys", {"digest": 5}),
            ("keys", {"scopes": "http"}),
            ("keys", {"scopes": [1]}),
            ("keys", {"names": ["a\0"]}),
            ("keys", {"created_at": "yesterday"}),
            ("keys", {"created_at": "2026-01-01T00:00:00"}),
            ("keys", {"created_at": None}),
            ("keys", {"name": 5}),
            ("accounts", {"name": "\ud800"}),
            ("accounts", {"name": "x" * 1001}),
            ("names", {"kind": "mine"}),
            ("limits", {"clients": 2**63}),
            ("limits", {"clients": True}),
            ("limits", {"requests_per_second": "many"}),
            ("usage", {"day": "2026-13-01"}),
            ("usage", {"requests": 1.5}),
            ("events", {"detail": []}),
        ):
            words = self.refused(self.changed(table, **values))
            self.assertIn(f"the value of {next(iter(values))} is not right", words)
            self.assertIn("export.jsonl, line ", words)
        self.assertIn("is not a row of a table", self.refused(self.changed("keys", more=1)))
        row = b'{"table": "revision", "row": {"id": 1, "value": 1}}'
        self.assertIn("line 2 is not a row of a table", self.refused([self.lines[0], row]))

    def test_rows_that_do_not_fit(self) -> None:
        twice = [*self.lines[:5], self.lines[4], *self.lines[5:]]
        self.assertIn("is there twice, or names one that is not there", self.refused(twice))
        self.assertIn("is there twice", self.refused(self.changed("keys", account_id="acc_999")))
        kept = [line for line in self.lines[1:-1] if b'"limits"' not in line[:20] and b'"accounts"' not in line[:30]]
        none = [line for line in kept if b'"keys"' not in line[:20] and b'"names"' not in line[:20]]
        end = json.dumps({"end": len(none)}).encode()
        self.assertIn("has no limits class 'default'", self.refused([self.lines[0], *none, end]))
