"""``sellia admin limits``: a class is changed in what is given, and stays otherwise as it is."""

from typing import Any

from sellia.cli.exits import Exit
from tests.cli.commands.admin.case import AdminCommandCase

TEAM: dict[str, Any] = {
    "name": "team",
    "clients": 5,
    "tunnels": None,
    "names": None,
    "streams": None,
    "requests_per_second": 2.5,
    "bytes_per_month": None,
}


class LimitTests(AdminCommandCase):
    def test_set(self) -> None:
        api = self.answered({"GET limits": {"items": [TEAM]}, "PUT limits/team": TEAM, "DELETE limits/team": None})
        self.admin("limits", "set", "team", "--tunnels", "9", "--bytes-per-month", "50 GiB", "--unset", "clients")
        body = {each: value for each, value in TEAM.items() if each != "name"}
        changed = {"clients": None, "tunnels": 9, "bytes_per_month": 50 * 1024**3}
        self.assertEqual(api.asked[1], ("PUT limits/team", {**body, **changed}))
        self.assertIn("team  5        -        -", self.admin("limits", "list"))
        self.assertEqual(self.admin("limits", "delete", "team"), "Deleted the class team.\n")
        self.assertIn("give a limit", self.admin("limits", "set", "team", status=Exit.USAGE))
        self.admin("limits", "set", "team", "--clients", "-1", status=Exit.USAGE)
