"""``sellia admin names`` and ``domains``: what is asked, and what is shown."""

from typing import Any

from tests.cli.commands.admin.case import AdminCommandCase

NAME = {"kind": "subdomain", "name": "app", "account": "acc_1", "created_at": None, "expires_at": None, "note": ""}
DOMAIN: dict[str, Any] = {
    "domain": "www.example.com",
    "account": "acc_1",
    "created_at": "2027-01-31T12:34:56Z",
    "proved_at": None,
    "records": [
        {"type": "CNAME", "name": "www.example.com", "value": "t.tunnel.example.com"},
        {"type": "TXT", "name": "_sellia.www.example.com", "value": "sellia-abc"},
    ],
}


class NameTests(AdminCommandCase):
    def test_names(self) -> None:
        api = self.answered(
            {"GET names": {"items": [NAME]}, "POST names": NAME, "DELETE names/port/tcp/20000": None},
        )
        self.assertIn("app   subdomain  acc_1", self.admin("names", "list", "--account", "acme"))
        self.assertEqual(self.admin("names", "reserve", "*.app", "--account", "acme"), "Reserved *.app for acc_1.\n")
        self.assertEqual(self.admin("names", "release", "tcp/20000"), "Released tcp/20000.\n")
        self.assertEqual(api.asked[0], ("GET names", {"account": "acme"}))
        self.assertEqual(api.asked[1][1], {"name": "*.app", "kind": "wildcard", "account": "acme"})


class DomainTests(AdminCommandCase):
    def test_domains(self) -> None:
        proved = {**DOMAIN, "proved_at": "2027-01-31T12:34:56Z"}
        api = self.answered(
            {
                "GET domains": {"items": [DOMAIN]},
                "POST domains": DOMAIN,
                "POST domains/www.example.com/verify": proved,
                "DELETE domains/www.example.com": None,
            }
        )
        self.assertIn("www.example.com  acc_1    not yet", self.admin("domains", "list"))
        added = self.admin("domains", "add", "www.example.com", "--account", "acme", "--proved")
        self.assertIn("  _sellia.www.example.com. TXT sellia-abc\n", added)
        self.assertIn("Then say: sellia admin domains verify www.example.com\n", added)
        verified = self.admin("domains", "verify", "www.example.com")
        self.assertEqual(verified, "www.example.com belongs to acc_1.\n")
        self.assertEqual(self.admin("domains", "remove", "www.example.com"), "Removed www.example.com.\n")
        self.assertEqual(api.asked[1][1], {"domain": "www.example.com", "account": "acme", "proved": True})
