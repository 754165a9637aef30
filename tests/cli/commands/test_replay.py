"""``sellia replay``: what is edited."""

from sellia.cli.commands.replay import _body, _edited, _field
from sellia.cli.exits import Exit
from tests.cli.case import CommandCase


class ReplayTests(CommandCase):
    def test_fields(self) -> None:
        origin = {"request": {"headers": [["Host", "x"], ["Cookie", "a"], ["cookie", "b"]]}}
        self.assertEqual(_edited(origin, [("COOKIE", "c"), ("X", "y")]), [("Host", "x"), ("COOKIE", "c"), ("X", "y")])
        self.assertEqual(_edited(origin, [("cookie", "")]), [("Host", "x")])
        self.assertEqual(_edited({}, [_field("A:b:c")]), [("A", "b:c")])

    def test_bodies(self) -> None:
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(b"\xff")
        self.assertEqual((_body("x"), _body(f"@{path}")), ({"body": "x"}, {"body_base64": "/w=="}))

    def test_wrong(self) -> None:
        self.assertIn("--header needs a name", self.invoke("replay", "1", "-H", "x\x1b", status=Exit.USAGE))
        self.assertIn("cannot be read", self.invoke("replay", "1", "-d", "@/no/such", status=Exit.USAGE))
