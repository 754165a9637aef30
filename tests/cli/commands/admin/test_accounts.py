"""``sellia admin accounts``: what is asked, and what is shown."""

from sellia.cli.exits import Exit
from sellia.errors import RefusedError
from tests.cli.commands.admin.case import AdminCommandCase

ACME = {
    "id": "acc_1",
    "name": "acme",
    "limits": "team",
    "note": "People\x1b[31m",
    "created_at": "2027-01-31T12:34:56Z",
    "closed_at": None,
}


class AccountTests(AdminCommandCase):
    def test_list(self) -> None:
        self.answered({"GET accounts": {"items": [ACME]}})
        self.assertEqual(
            self.admin("accounts", "list"),
            "ID     NAME  LIMITS  MADE              CLOSED  NOTE\n"
            "acc_1  acme  team    2027-01-31 12:34  -       People\\x1b[31m\n",
        )
        self.assertEqual(self.json("accounts", "list"), {"items": [ACME]})
        self.answered({"GET accounts": {"items": []}})
        self.assertIn("There are no accounts.", self.admin("accounts", "list"))

    def test_changes(self) -> None:
        api = self.answered(
            {"GET accounts/acme": ACME, "POST accounts": ACME, "PATCH accounts/acme": ACME},
        )
        self.assertIn("acc_1", self.admin("accounts", "show", "acme"))
        created = self.admin("accounts", "create", "acme", "--limits", "team", "--note", "x")
        self.assertEqual(created, "Made the account acme, acc_1.\n")
        self.admin("accounts", "set", "acme", "--name", "apex")
        self.assertEqual(self.admin("accounts", "close", "acme"), "Closed the account acme, acc_1.\n")
        self.assertEqual(self.admin("accounts", "reopen", "acme"), "Reopened the account acme, acc_1.\n")
        self.assertEqual(
            api.asked[1:],
            [
                ("POST accounts", {"name": "acme", "limits": "team", "note": "x"}),
                ("PATCH accounts/acme", {"name": "apex"}),
                ("PATCH accounts/acme", {"closed": True}),
                ("PATCH accounts/acme", {"closed": False}),
            ],
        )

    def test_what_is_refused(self) -> None:
        self.answered({"POST accounts": RefusedError("already-exists", "There is an account 'acme' already.")})
        said = self.admin("accounts", "create", "acme", status=Exit.TAKEN)
        self.assertIn("There is an account 'acme' already.\nHint: ", said)
        self.assertIn("give --name, --limits or --note", self.admin("accounts", "set", "acme", status=Exit.USAGE))
        self.assertIn("No such command: lst.", self.admin("lst", status=Exit.USAGE))
