"""Whatever a settings file has in it, what is wrong is told: nothing else is raised, for a client or for a server."""

import json
import os
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.settings import ClientSettings, PathSettings, ProfileSettings, TunnelSettings
from sellia.client.settings import examine as examine_client
from sellia.server.settings import ServerSettings
from sellia.server.settings import examine as examine_server
from sellia.settings import Rank, SettingsFile, shown
from sellia.settings.document import read_document

_MODELS = (ClientSettings, TunnelSettings, PathSettings, ProfileSettings, ServerSettings)
_PARTS = sorted({part for model in _MODELS for name in model.model_fields for part in model.path(name).split(".")})

_KEYS = st.sampled_from([*_PARTS, "version", "web", "/", "/api", "Authorization"]) | st.text(max_size=4)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["https://t.example", "8080", "30s", "64 KiB", "./dist", "unix:/x", "text:hi", "u:p", "true", "http"]
    )
)
_VALUES: st.SearchStrategy[Any] = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4), max_leaves=12
)
_FILES = st.dictionaries(_KEYS, _VALUES, max_size=5)
_TUNNELS = st.dictionaries(_KEYS, st.dictionaries(_KEYS, _VALUES, max_size=4), max_size=3)
_WITH_TUNNELS = st.fixed_dictionaries({"server": st.just("https://t.example"), "tunnels": _TUNNELS})

_YAML = st.text(st.sampled_from("ab:-?[]{},&*!|>'\"%@#~ \t\n\r0.\x07\u2028é"), max_size=40)


class AnyFileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = os.path.abspath(self.mktemp())

    def examine(self, text: str) -> None:
        with open(self.path, "w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(text)
        for rank in (Rank.FILE, Rank.PROJECT):
            files = [SettingsFile(rank, self.path)]
            for found in (examine_client({}, {}, None, files), examine_server({}, {}, None, files)):
                for fault in found.faults:
                    self.assertTrue(fault.line.isprintable(), fault.line)
                if not found.faults:
                    shown(found.models, found.given, origins=True, defaults=True)

    @given(_FILES)
    @settings(max_examples=60, deadline=None, derandomize=True)
    def test_any_settings(self, file: dict[str, Any]) -> None:
        self.examine(json.dumps(file))

    @given(_WITH_TUNNELS)
    @settings(max_examples=60, deadline=None, derandomize=True)
    def test_any_tunnels(self, file: dict[str, Any]) -> None:
        self.examine(json.dumps(file))

    @given(_YAML)
    @settings(max_examples=100, deadline=None, derandomize=True)
    def test_any_text(self, text: str) -> None:
        read_document(text, lambda *fault: None)
        self.examine(text)

    def test_a_tunnel_without_a_name(self) -> None:
        self.examine('{"server": "https://t.example", "tunnels": {"": {"target": 1}}}')
