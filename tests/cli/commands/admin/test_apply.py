"""``sellia admin plan`` and ``apply``: shown first, asked where something goes, and told how far it came."""

from pathlib import Path
from typing import Any

from sellia.cli.exits import Exit
from sellia.errors import RefusedError
from tests.cli.commands.admin.case import AdminCommandCase

EMPTY: dict[str, Any] = {
    **{f"GET {each}": {"items": []} for each in ("accounts", "names", "domains")},
    "GET limits": {"items": [{"name": "default"}]},
    "GET key": {"account": None},
}


class ApplyTests(AdminCommandCase):
    def write(self, text: str) -> str:
        path = self.mktemp()
        Path(path).write_text(text)
        return path

    def test_plan(self) -> None:
        api = self.answered(EMPTY)
        file = self.write("accounts:\n  acme: {names: [app]}\n")
        self.assertEqual(self.admin("plan", file), "  + account acme\n  + name app for acme\n")
        self.admin("plan", file, "--exit-code", status=Exit.FAILED)
        self.assertEqual(self.admin("plan", self.write(""), "--exit-code"), "Everything is as the file says.\n")
        self.assertEqual([each["sign"] for each in self.json("plan", file)["steps"]], ["+", "+"])
        self.assertEqual({call.partition(" ")[0] for call, _ in api.asked}, {"GET"})

    def test_apply(self) -> None:
        self.answered({**EMPTY, "POST accounts": {}, "POST names": {}})
        file = self.write("accounts:\n  acme: {names: [app]}\n")
        said = self.admin("apply", file)
        self.assertTrue(said.endswith("done: + account acme\ndone: + name app for acme\nDone.\n"), said)
        self.assertEqual(self.json("apply", file)["done"], 2)

    def test_a_step_that_is_refused(self) -> None:
        self.answered({**EMPTY, "POST accounts": {}, "POST names": RefusedError("already-exists", "It is taken.")})
        file = self.write("accounts:\n  acme: {names: [app]}\n")
        said = self.admin("apply", file, status=Exit.TAKEN)
        self.assertIn("1 step of 2 done; this one was refused: + name app for acme\nError: It is taken.", said)

    def test_what_is_taken_away_is_asked_for(self) -> None:
        limits = {"GET limits": {"items": [{"name": "default"}, {"name": "old"}]}, "DELETE limits/old": None}
        api = self.answered({**EMPTY, **limits})
        file = self.write("")
        self.assertIn("With --prune they are taken away.", self.admin("plan", file))
        self.assertIn("say --yes if that is meant", self.admin("apply", file, "--prune", status=Exit.USAGE))
        self.assertNotIn(("DELETE limits/old", None), api.asked)
        self.assertTrue(self.admin("apply", file, "--prune", "--yes").endswith("done: - limits old\nDone.\n"))
