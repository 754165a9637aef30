"""Keys of a file: none is lost."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.importers import cloudflared, frp, ngrok2, ngrok3
from sellia.cli.importers.source import ImportFailure, Source, dotted
from tests.cli.importers.test_files import leaves

_PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 70_000), st.sampled_from(["", "http", "tcp", "8080", "a:b", "x.example"])
)
_NAMES = st.sampled_from(
    """
    tunnels agent endpoints proxies ingress originRequest hostname service path name url addr proto upstream plugin
    type localPort locations transport proxyURL visitors basic_auth oauth noTLSVerify start log level log_level version
    """.split()
    + ["x y", "é"]
)
_TREES: Any = st.recursive(
    _PLAIN,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_NAMES, inner, max_size=4)),
    max_leaves=12,
)


class SourceTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
    @given(st.dictionaries(_NAMES, _TREES, max_size=5), st.sampled_from([ngrok2, ngrok3, cloudflared, frp]))
    def test_whatever_a_file_has(self, tree: dict[str, Any], format: Any) -> None:
        """Nothing raises, and each key is carried over or named."""
        imported = format.convert(tree)
        keys = [*imported.carried, *(note.key for note in imported.notes)]
        for leaf in leaves(tree, "") if tree else ():
            self.assertTrue(any(leaf == key or leaf.startswith((f"{key}.", f"{key}[")) for key in keys), (leaf, keys))

    def test_paths(self) -> None:
        self.assertEqual(dotted(("a", 0, "b", 1, 2, "c\x1b")), "a[0].b[1][2].c\\x1b")

    def test_values(self) -> None:
        source = Source({"a": {"b": 1, "c": [1, "x"], "d": True, "e": {}}, "f": None})
        self.assertEqual(source.children(), ["a", "f"])
        self.assertEqual(source.children("a"), ["b", "c", "d", "e"])
        self.assertEqual(source.text("a", "b"), "1")
        self.assertEqual(source.text("a", "d"), "", "true is no text")
        self.assertEqual(source.texts("a", "c"), ["1", "x"])
        self.assertEqual(source.texts("a", "missing"), [])
        self.assertEqual(source.carried, ["a.b", "a.c"])
        self.assertTrue(source.name(("a",), "no"))
        self.assertFalse(source.name(("a",), "no"))
        self.assertFalse(source.has("a"))
        source.name_rest("what?")
        self.assertEqual([note.key for note in source.notes], ["a", "f"])

    def test_too_many(self) -> None:
        self.assertRaises(ImportFailure, Source, {str(number): 1 for number in range(20_001)})
