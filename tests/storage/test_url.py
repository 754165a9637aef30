"""URLs of databases."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.storage.url import parse_url


class UrlTests(SynchronousTestCase):
    def test_files(self) -> None:
        self.assertEqual(parse_url("sqlite:///sellia.db").file, "sellia.db")
        self.assertEqual(parse_url("sqlite:////var/lib/sellia/a%20b.db").file, "/var/lib/sellia/a b.db")
        self.assertEqual(parse_url("SQLite:///a.db?mode=ro").file, "a.db")
        self.assertEqual(parse_url("sqlite:////tmp/a\x1b.db").shown, "/tmp/a\\x1b.db")

    def test_postgresql(self) -> None:
        for text in (
            "postgresql://db.example.com/sellia",
            "postgresql://me:secret@db.example.com:5433/sellia?sslmode=require&password=secret",
            "postgres://me:sec@ret@one,two:5433/sellia",
            "postgresql:///sellia?host=/run/postgresql&password=secret",
            "postgresql://%2Frun%2Fpostgresql/sellia",
        ):
            url = parse_url(text)
            self.assertEqual(url.conninfo, text.replace("postgres://", "postgresql://"))
            self.assertEqual(url.file, "")
            for shown in (url.shown, repr(url), f"{url}"):
                self.assertNotIn("sec", shown)
                self.assertIn("/sellia", shown)
        self.assertEqual(parse_url("postgres://me:secret@one,two:5433/x").shown, "postgresql://one,two:5433/x")

    def test_what_is_none(self) -> None:
        for text, words in (
            ("", "not the URL"),
            ("sellia.db", "not the URL"),
            ("/var/lib/sellia.db", "not the URL"),
            ("sqlite://", "names no file"),
            ("sqlite:///", "names no file"),
            ("sqlite://sellia.db", "names no file"),
            ("sqlite://host/sellia.db", "names no file"),
            ("sqlite:///a%00b", "names no file"),
            ("postgresql://", "names no database"),
            ("mysql://root:secret@db/sellia", "no database that is known here (mysql)"),
            ("\x1b[31m://secret", "no database that is known here (\\x1b[31m)"),
        ):
            with self.assertRaises(ValueError) as caught:
                parse_url(text)
            self.assertIn(words, str(caught.exception))
            self.assertNotIn("secret", str(caught.exception))
