"""The answers of the HTTP API: what fits, and what later versions may add."""

import re
from pathlib import Path

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol.http_api import KeyReport, VersionReport

REPORT = (
    b'{"version": "9.9", "dialects": {"native": {"subprotocol": "sellia.v1", "versions": [1, 2]}, "x": {}}, "n": 1}'
)


class ReportTests(SynchronousTestCase):
    def test_later_versions_add_fields(self) -> None:
        report = msgspec.json.decode(REPORT, type=VersionReport)
        self.assertEqual((report.version, report.fits, report.key_required), ("9.9", True, False))
        key = msgspec.json.decode(
            b'{"key_required": true, "account": "team", "scopes": ["http", "quic"]}', type=KeyReport
        )
        self.assertEqual((key.scopes, key.names, key.limits.tunnels), (["http", "quic"], [], 0))

    def test_documentation_shows_all_fields(self) -> None:
        page = (Path(__file__).parents[2] / "docs" / "http-api.rst").read_text("utf-8")
        shown = re.findall(r"(?m)^    \{\n(?:    .*\n)+?    \}$", page)
        self.assertEqual(len(shown), 2)
        for text, kind in zip(shown, (VersionReport, KeyReport), strict=True):
            told = msgspec.json.decode(text)
            self.assertEqual(msgspec.to_builtins(msgspec.convert(told, kind)), told)

    def test_what_does_not_fit(self) -> None:
        for old, new in ((b"sellia.v1", b"sellia.v2"), (b"[1, 2]", b"[2]"), (b'"native"', b'"other"')):
            self.assertFalse(msgspec.json.decode(REPORT.replace(old, new), type=VersionReport).fits)

    def test_what_is_none(self) -> None:
        for data in (b"{}", b"[]", b'{"version": 1, "dialects": {}}', b'{"version": "1"}', b"<html>", b""):
            self.assertRaises(msgspec.MsgspecError, msgspec.json.decode, data, type=VersionReport)
