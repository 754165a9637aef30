"""Which server counts, and which key goes to it."""

from sellia.client.settings import ClientSettings
from tests.client.settings.cases import LayersCase, Stored

ONE = {"target": "8080"}


class KeyCase(LayersCase):
    def key(self, settings: ClientSettings) -> tuple[str, str | None]:
        """Return the server that counts, and the key that goes there."""
        return settings.server, settings.api_key.get_secret_value() if settings.api_key is not None else None


class ProfileTests(KeyCase):
    FILE = (
        "server: https://a.example\napi_key: ka\nprofiles:\n  b: {server: 'https://b.example', api_key: kb}\n"
        "  c: {server: 'https://c.example'}\n"
    )

    def test_a_choice(self) -> None:
        self.give(home=self.FILE)
        self.assertEqual(self.key(self.load(ONE)), ("https://a.example", "ka"))
        self.assertEqual(self.key(self.load({**ONE, "profile": "b"})), ("https://b.example", "kb"))
        self.assertEqual(self.key(self.load(ONE, SELLIA_PROFILE="b")), ("https://b.example", "kb"))
        self.give(home=self.FILE + "profile: b\n")
        self.assertEqual(self.key(self.load(ONE)), ("https://b.example", "kb"))

    def test_a_key_does_not_go_to_another_profiles_server(self) -> None:
        self.give(home=self.FILE)
        settings = self.load({**ONE, "profile": "c"})
        self.assertEqual(self.key(settings), ("https://c.example", None))
        self.assertIn("this key is not sent to https://c.example, because", settings.cautions[0])
        self.assertNotIn("ka", settings.cautions[0])
        settings = self.load({**ONE, "profile": "c"}, Stored(c="kc"))
        self.assertEqual(self.key(settings), ("https://c.example", "kc"))

    def test_it_counts_for_as_much_as_the_choice(self) -> None:
        self.give(home=self.FILE)
        variable = {"SELLIA_SERVER": "https://v.example", "SELLIA_API_KEY": "kv"}
        self.assertEqual(self.key(self.load({**ONE, "profile": "b"}, None, **variable)), ("https://b.example", "kb"))
        self.assertEqual(self.key(self.load({**ONE, "profile": "c"}, None, **variable)), ("https://c.example", None))
        self.give(home=self.FILE + "profile: b\n")
        self.assertEqual(self.key(self.load(ONE, None, **variable)), ("https://v.example", "kv"))
        flag = {**ONE, "profile": "b", "server": "https://f.example"}
        self.assertEqual(self.key(self.load(flag)), ("https://f.example", None))

    def test_there_is_none(self) -> None:
        self.give(home=self.FILE)
        self.assertEqual(self.fault({**ONE, "profile": "bb"}), "--profile: there is no profile bb")
        self.assertEqual(self.faults(ONE, SELLIA_PROFILE="x\x1b")[0], "SELLIA_PROFILE: there is no profile x\\x1b")
        self.give(home="server: https://a.example\n")
        self.assertEqual(self.fault({**ONE, "profile": "b"}), "--profile: there is no profile b")

    def test_one_without_a_server(self) -> None:
        self.give(home="server: https://a.example\nprofiles: {b: {api_key: kb}}\n")
        self.assertIn("profiles.b: server is missing", self.fault(ONE))


class LoginTests(KeyCase):
    """Where nobody has said which server, it is the one that the user has logged in to."""

    def test_the_only_one(self) -> None:
        self.assertEqual(self.key(self.load(ONE, Stored(a="ka"))), ("https://a.example", "ka"))
        self.assertEqual(self.key(self.load(ONE, Stored(a="ka"), SELLIA_API_KEY="kv")), ("https://a.example", "kv"))

    def test_where_the_key_comes_from(self) -> None:
        self.assertEqual(self.load(ONE, Stored(a="ka")).key_from, "/keys/https://a.example")
        self.assertEqual(self.load(ONE, Stored(a="ka"), SELLIA_API_KEY="kv").key_from, "SELLIA_API_KEY")
        self.assertEqual(self.load({**ONE, "api_key": "kf"}, Stored(a="ka")).key_from, "--api-key")
        self.assertEqual(self.load({**ONE, "server": "https://f.example"}).key_from, "")

    def test_whoever_says_it_counts_for_more(self) -> None:
        known = Stored(a="ka")
        self.assertEqual(
            self.key(self.load({**ONE, "server": "https://f.example"}, known)), ("https://f.example", None)
        )
        self.give(etc="server: https://e.example\n")
        self.assertEqual(self.key(self.load(ONE, known)), ("https://e.example", None))

    def test_several_and_none(self) -> None:
        for known in (Stored(a="ka", b="kb"), Stored()):
            self.assertEqual(self.fault(ONE, known), "it is not said which server to connect to")


class KeyTests(KeyCase):
    def test_the_strongest_that_fits(self) -> None:
        self.give(etc="server: https://a.example\napi_key: ke\n", home="api_key: kh\n")
        known = Stored(a="ks")
        self.assertEqual(self.key(self.load(ONE, known)), ("https://a.example", "kh"))
        self.assertEqual(self.key(self.load(ONE, known, SELLIA_API_KEY="kv"))[1], "kv")
        self.assertEqual(self.key(self.load({**ONE, "api_key": "kf"}, known, SELLIA_API_KEY="kv"))[1], "kf")

    def test_a_stored_one_where_none_is_given(self) -> None:
        self.assertEqual(self.key(self.load({**ONE, "server": "https://a.example/"}, Stored(a="ks")))[1], "ks")

    def test_a_files_key_does_not_follow_to_another_server(self) -> None:
        self.give(home="server: https://a.example\napi_key: kh\n")
        for flags, variables in (({"server": "https://b.example"}, {}), ({}, {"SELLIA_SERVER": "https://b.example"})):
            settings = self.load({**ONE, **flags}, Stored(), **variables)
            self.assertEqual(self.key(settings), ("https://b.example", None))
            self.assertIn(":2:10: api_key: this key is not sent to https://b.example", settings.cautions[0])
        for spelling in ("https://A.example", "wss://a.example/"):
            self.assertEqual(self.key(self.load({**ONE, "server": spelling}))[1], "kh", spelling)

    def test_a_key_without_a_server_beside_it(self) -> None:
        self.give(home="api_key: kh\n")
        self.assertEqual(self.key(self.load({**ONE, "server": "https://b.example"}))[1], "kh")

    def test_a_variable_is_for_the_server_of_its_variable(self) -> None:
        variables = {"SELLIA_SERVER": "https://v.example", "SELLIA_API_KEY": "kv"}
        self.assertEqual(self.key(self.load({**ONE, "server": "https://b.example"}, None, **variables))[1], None)
        self.assertEqual(self.key(self.load({**ONE, "server": "https://b.example"}, SELLIA_API_KEY="kv"))[1], "kv")
