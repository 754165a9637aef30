"""The admin page in a browser, before a real server: signing in, every view, what may not be done, and how it looks."""

from __future__ import annotations

import json
from typing import Literal

from playwright.sync_api import expect

from tests.page.admin import AdminPageTests
from tests.page.test_frame import violations


class SignInTests(AdminPageTests):
    def test_in_and_out(self) -> None:
        """The key becomes a cookie that no script can read, and is nowhere else; signing out ends it."""
        self.expected = ("console: Failed to load resource",)
        self.open()
        self.sign_in("wrong")
        expect(self.page.get_by_role("alert")).to_contain_text("does not accept this API key")
        self.sign_in(self.admin.key)
        expect(self.page.get_by_role("navigation")).to_be_visible()
        [cookie] = self.context.cookies()
        self.assertEqual((cookie["httpOnly"], cookie["sameSite"]), (True, "Strict"))
        self.assertNotIn(self.admin.key, json.dumps(cookie))
        kept = self.page.evaluate("[document.cookie, JSON.stringify(localStorage), JSON.stringify(sessionStorage)]")
        self.assertEqual((kept[0], self.admin.key in kept[1] + kept[2]), ("", False))
        self.page.reload()
        expect(self.page.get_by_role("navigation")).to_be_visible()
        self.button("Sign out").click()
        expect(self.part("sign-in")).to_be_visible()
        self.assertEqual(self.context.cookies(), [])
        self.context.add_cookies([{"name": cookie["name"], "value": cookie["value"], "url": self.admin.url}])
        self.page.reload()
        expect(self.part("sign-in")).to_be_visible()

    def test_a_key_that_is_revoked(self) -> None:
        """The page ends with its key, and says why."""
        self.expected = ("console: Failed to load resource",)
        account = self.admin.account("leaving")
        made = self.admin.new_key(account, "admin:read")
        self.enter(key=made["key"])
        expect(self.part("clients")).to_be_visible()
        self.admin.api("DELETE", f"keys/{made['id']}")
        expect(self.part("sign-in")).to_be_visible()
        expect(self.page.get_by_role("status").first).not_to_be_empty()

    def test_a_key_that_may_only_see(self) -> None:
        """No button changes anything, and the API refuses what a script in the page would try."""
        self.expected = ("console: Failed to load resource",)
        account = self.admin.account("reader")
        self.enter("keys", self.admin.new_key(account, "admin:read")["key"])
        expect(self.row("keys", "reader")).to_be_visible()
        for view in ("Sessions", "Accounts", "Keys", "Names"):
            self.page.get_by_role("link", name=view).click()
            expect(self.page.get_by_role("heading", name=view)).to_be_visible()
            for word in ("New", "Reserve", "Release", "Revoke", "Replace", "End", "Close"):
                expect(self.page.get_by_role("button", name=word)).to_have_count(0)
        status = self.page.evaluate(
            """fetch("/api/v1/accounts", {method: "POST", headers: {"Content-Type": "application/json"},
               body: JSON.stringify({name: "sneaked"})}).then(each => each.status)"""
        )
        self.assertEqual(status, 403)


class OverviewTests(AdminPageTests):
    def test_live(self) -> None:
        """What comes and goes is shown without anything being done."""
        account = self.admin.account("living")
        key = self.admin.new_key(account)["key"]
        self.enter()
        expect(self.part("clients")).to_have_text("0")
        client = self.admin.client(key, "living-app")
        try:
            expect(self.part("clients")).to_have_text("1")
            expect(self.row("links", "living-app")).to_contain_text("ms")
            before = self.admin.api("GET", "overview")["requests"]
            for _ in range(5):
                self.assertEqual(self.admin.visit("living-app").status_code, 200)
            self.assertEqual(self.admin.api("GET", "overview")["requests"], before + 5)
            expect(self.part("rate")).not_to_have_text("–")
        finally:
            client.stop()
        expect(self.part("clients")).to_have_text("0")

    def test_the_server_goes_away(self) -> None:
        """What was known stays, with a word about it."""
        self.expected = ("console: Failed to load resource", "console: net::ERR")
        self.enter()
        expect(self.part("clients")).to_be_visible()
        self.context.set_offline(True)
        expect(self.part("trouble")).to_contain_text("does not answer")
        expect(self.part("clients")).to_be_visible()
        self.context.set_offline(False)
        expect(self.part("trouble")).not_to_be_attached()


class WorkTests(AdminPageTests):
    """What an operator does."""

    def test_account_key_and_session(self) -> None:
        """Make an account and a key, see its client, end that, replace the key, revoke it, close the account."""
        self.enter("accounts")
        self.button("New account").click()
        self.page.get_by_label("Name", exact=True).fill("acme")
        self.button("Make it").click()
        expect(self.part("toast")).to_contain_text("acme was made")
        self.button("Keys of acme").click()
        expect(self.part("keys-none")).to_be_visible()
        self.button("New key").click()
        self.part("new-key").get_by_placeholder("laptop").fill("for tests")
        self.part("new-key").get_by_label("tcp").check()
        self.part("new-key").get_by_label("Names that it may have").fill("acme-app, acme-*")
        self.button("Make it").click()
        key = self.part("secret").inner_text()
        self.assertRegex(key, r"\Asl_live_\w+\Z")
        self.button("Copy").click()
        self.assertEqual(self.clipboard(), key)
        self.button("I have stored it").click()
        row = self.row("keys", "for tests")
        expect(row).to_contain_text("acme-app, acme-*")
        expect(row).to_contain_text("http, tcp")
        self.assertNotIn(key, self.page.content())

        client = self.admin.client(key, "acme-app")
        self.page.get_by_role("link", name="Sessions").click()
        session = self.row("sessions", "acme-app")
        expect(session).to_contain_text("127.0.0.1")
        session.get_by_role("button", name="End").click()
        self.button("End the session").click()
        expect(self.part("sessions-none")).to_be_visible()
        self.assertNotEqual(client.wait_for_exit(), 0)
        self.assertIn("operator", client.output)

        self.page.goto(f"{self.admin.url}/#/keys?account=acme")
        row.get_by_role("button", name="Replace").click()
        self.part("rotate-key").get_by_role("combobox").select_option("3600")
        self.button("Replace it").click()
        self.assertNotEqual(self.part("secret").inner_text(), key)
        self.button("I have stored it").click()
        expect(row).to_have_count(2)
        row.last.get_by_role("button", name="Revoke").click()
        self.button("Revoke it").click()
        expect(row.last).to_contain_text("revoked")

        self.page.get_by_role("link", name="Accounts").click()
        self.button("Close acme").click()
        self.button("Close it").click()
        expect(self.row("accounts", "acme")).to_contain_text("closed")
        self.button("Open acme again").click()
        expect(self.row("accounts", "acme")).to_contain_text("open")

    def test_names(self) -> None:
        """Reserved, refused in the API's words, and released."""
        self.expected = ("console: Failed to load resource",)
        account = self.admin.account("namer")
        self.admin.api("POST", "domains", {"account": account, "domain": "app.example.com"})
        self.enter(f"names?account={account}")
        expect(self.row("domains", "app.example.com")).to_contain_text("waits for a record")
        for name, kind in (("named-app", "subdomain"), ("*.named-app", "wildcard")):
            self.button("Reserve a name").click()
            self.part("reserve").get_by_label("Name", exact=True).fill(name)
            self.button("Reserve it").click()
            expect(self.row("names", kind)).to_contain_text(name)
        self.button("Reserve a name").click()
        self.part("reserve").get_by_label("Name", exact=True).fill("not a name")
        self.button("Reserve it").click()
        expect(self.part("reserve").get_by_role("alert")).to_be_visible()
        self.button("Cancel").click()
        self.button("Release *.named-app").click()
        self.button("Release it").click()
        expect(self.row("names", "wildcard")).to_have_count(0)
        expect(self.row("names", "named-app")).to_have_count(1)

    def test_events_and_usage(self) -> None:
        """What happens is there as it happens; what was carried is drawn."""
        account = self.admin.account("busy")
        self.enter(f"events?account={account}")
        key = self.admin.new_key(account)["key"]
        client = self.admin.client(key, "busy-app")
        expect(self.row("events", "tunnel.opened").first).to_contain_text("busy-app")
        for _ in range(3):
            self.admin.visit("busy-app")
        client.stop()

        def carried() -> bool:
            return sum(each["requests"] for each in self.admin.api("GET", "usage/totals?account=busy")["days"]) == 3

        self.admin.server.wait_for(carried, "usage to be written")
        self.page.goto(f"{self.admin.url}/#/usage?account={account}")
        self.button("Requests").click()
        expect(self.part("total")).to_have_text("3")
        expect(self.part("chart").locator(".chart-bar")).to_have_count(1)
        expect(self.row("usage-accounts", "busy")).to_contain_text("3")

    def test_markup_from_outside(self) -> None:
        """Whatever others have written is text."""
        evil = "<img src=x onerror=hacked=1><script>hacked=1</script>"
        self.admin.api("POST", "accounts", {"name": evil, "note": evil})
        self.admin.new_key(evil, name=evil)
        self.admin.api("POST", "names", {"account": evil, "name": "evil-app", "note": evil})
        self.enter("accounts")
        for view, table in (("Accounts", "accounts"), ("Keys", "keys"), ("Names", "names"), ("Events", "events")):
            self.page.get_by_role("link", name=view).click()
            expect(self.row(table, "<img src=x").first).to_be_visible()
        self.assertFalse(self.page.evaluate("'hacked' in window"))
        self.assertEqual(self.page.evaluate("document.querySelectorAll('main img, main script').length"), 0)


class LookTests(AdminPageTests):
    """How it looks: axe-core finds nothing wrong in light and dark, and a telephone is wide enough."""

    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")

    def views(self, then: str) -> None:
        account = f"looks-{then}"
        self.admin.account(account)
        self.admin.new_key(account, name="looked at")
        self.admin.api("POST", "names", {"account": account, "name": f"looks-{then}-app"})
        self.admin.api("POST", "domains", {"account": account, "domain": f"{then}.example.com"})
        self.open()
        expect(self.part("sign-in")).to_be_visible()
        self.check("signing in")
        self.sign_in(self.admin.key)
        waits = {"overview": "clients", "accounts": "accounts", "keys": "keys", "names": "domains", "events": "events"}
        for view in ("overview", "sessions", "accounts", "keys", "names", "events", "usage"):
            self.page.get_by_role("navigation").locator(f'a[href="#/{view}"]').click()
            if view in waits:
                expect(self.part(waits[view])).to_be_visible()
            else:
                expect(self.page.locator(".nothing, table").first).to_be_visible()
            self.check(view)
        self.page.goto(f"{self.admin.url}/#/keys?account={account}")
        for button, dialog in (("New key", "new-key"), ("Replace", "rotate-key"), ("Revoke", "confirm")):
            self.page.get_by_role("button", name=button).first.click()
            expect(self.part(dialog)).to_be_visible()
            self.check(dialog)
            self.page.keyboard.press("Escape")
            expect(self.part(dialog)).not_to_be_attached()

    def check(self, what: str) -> None:
        self.assertLessEqual(self.page.evaluate("document.documentElement.scrollWidth - innerWidth"), 0, what)
        for scheme in self.schemes:
            self.page.emulate_media(color_scheme=scheme)
            self.assertEqual(violations(self.page), [], f"{what}, {scheme}")
            self.picture(f"{what}-{scheme}")

    def test_views(self) -> None:
        self.views(type(self).__name__.lower())


class TelephoneLookTests(LookTests):
    width, height = 375, 700
    schemes = ("light",)
