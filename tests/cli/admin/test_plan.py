"""Plans: what leads from what a server has to what a file says, and nothing twice."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.admin.plan import FIGURES, Found, Plan, Wanted, WantedAccount, kind_of, make_plan


def limits(name: str, **figures: float) -> dict[str, Any]:
    return {"name": name, **dict.fromkeys(FIGURES), **figures}


def account(name: str, **more: Any) -> dict[str, Any]:
    return {"id": f"acc_{name}", "name": name, "limits": "default", "note": "", "closed_at": None, **more}


def name(text: str, owner: str | None, **more: Any) -> dict[str, Any]:
    return {"kind": kind_of(text), "name": text, "account": owner, "expires_at": None, **more}


FOUND = Found(
    limits=[limits("default"), limits("team", clients=10), limits("old")],
    accounts=[account("acme"), account("other"), account("gone", closed_at="2026-01-01T00:00:00Z")],
    names=[
        name("app", "acc_acme"),
        name("*.app", "acc_acme"),
        name("kept", "acc_acme", expires_at="2027-01-01T00:00:00Z"),
    ],
    domains=[{"domain": "www.example.com", "account": "acc_acme"}],
)


class PlanTests(SynchronousTestCase):
    def lines(self, plan: Plan) -> list[str]:
        return [f"{each.sign} {each.line}" for each in plan.steps]

    def test_nothing_to_do(self) -> None:
        wanted = Wanted(
            {"team": {"clients": 10}},
            {"acme": WantedAccount("default", "", ["app", "*.app"], ["www.example.com"])},
        )
        plan = make_plan(wanted, FOUND)
        self.assertEqual((plan.steps, plan.left), ([], ["account other", "limits old"]))

    def test_everything_new(self) -> None:
        """Classes of limits come first, then accounts, then their names."""
        wanted = Wanted(
            {"big": {"clients": 1000, "requests_per_second": 2.5}},
            {"new": WantedAccount("big", "hello", ["b", "a", "tcp/20000", "*.a"], ["d.example.com"])},
        )
        plan = make_plan(wanted, Found(limits=[limits("default")]))
        self.assertEqual(
            self.lines(plan),
            [
                "+ limits big: clients 1,000, requests_per_second 2.5",
                "+ account new with the limits big",
                "+ name *.a for new",
                "+ name a for new",
                "+ name b for new",
                "+ name tcp/20000 for new",
                "+ domain d.example.com for new",
            ],
        )
        self.assertEqual(plan.steps[1].body, {"name": "new", "limits": "big", "note": "hello"})
        self.assertEqual(plan.steps[2].body, {"account": "new", "kind": "wildcard", "name": "*.a"})
        self.assertEqual((plan.steps[0].method, plan.steps[0].path), ("PUT", ("limits", "big")))

    def test_changes(self) -> None:
        wanted = Wanted(
            {"team": {"clients": 20, "tunnels": 5}}, {"acme": WantedAccount("team", None), "gone": WantedAccount()}
        )
        plan = make_plan(wanted, FOUND)
        self.assertEqual(
            self.lines(plan),
            [
                "~ limits team: clients 10 -> 20, tunnels unset -> 5",
                "~ account acme: limits default -> team",
                "~ account gone: opened again",
            ],
        )
        self.assertEqual(plan.steps[1].body, {"limits": "team"})

    def test_what_the_file_does_not_mention(self) -> None:
        """It stays, unless it is to be pruned; so do names where the file says nothing about any."""
        wanted = Wanted({}, {"acme": WantedAccount(names=["app"]), "other": WantedAccount()})
        plan = make_plan(wanted, FOUND)
        self.assertEqual((self.lines(plan), plan.left), ([], ["name *.app of acme", "limits team", "limits old"]))
        plan = make_plan(wanted, FOUND, prune=True)
        self.assertEqual(self.lines(plan), ["- name *.app of acme", "- limits team", "- limits old"])
        self.assertEqual(plan.steps[0].path, ("names", "wildcard", "*.app"))
        plan = make_plan(Wanted({}, {"acme": WantedAccount(domains=[])}), FOUND, prune=True)
        self.assertIn("- domain www.example.com of acme", self.lines(plan))
        self.assertIn("- account other (closed: its keys open nothing any more)", self.lines(plan))
        self.assertEqual([each for each in self.lines(plan) if "gone" in each], [])

    def test_who_asks_is_not_shut_out(self) -> None:
        """The account of the key that asks is not closed, whatever the file says."""
        found = Found(accounts=[account("admin"), account("other")], own="acc_admin")
        plan = make_plan(Wanted(), found, prune=True)
        self.assertEqual(self.lines(plan), ["- account other (closed: its keys open nothing any more)"])
        self.assertEqual(make_plan(Wanted(), found).left, ["account other"])

    def test_what_another_account_has(self) -> None:
        """It is asked for, and the server says that it is taken."""
        plan = make_plan(Wanted({}, {"other": WantedAccount(names=["app", "kept"])}), FOUND)
        self.assertEqual(self.lines(plan), ["+ name app for other", "+ name kept for other"])

    def test_kinds(self) -> None:
        kinds = [kind_of(each) for each in ("app", "*.app", "tcp/20000", "udp/1", "tcp")]
        self.assertEqual(kinds, ["subdomain", "wildcard", "port", "port", "subdomain"])
