"""Who is admitted: hosts, origins, sites, tokens, passwords; as a page of somebody else in the owner's browser."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.inspector.guard import WRONG, Asked, Guard, Refusal
from sellia.protocol.messages import Headers

HOST = (b"Host", b"127.0.0.1:4040")
ORIGIN = (b"Origin", b"http://127.0.0.1:4040")
BEARER = (b"Authorization", b"Bearer t0ken")
COOKIE = (b"Cookie", b"a=b; sellia_inspector_4040=t0ken")
BASIC = (b"Authorization", b"Basic eDpwYXNz")  # x:pass


class GuardCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.guard = Guard("t0ken", 4040)

    def outcome(self, *headers: tuple[bytes, bytes], guard: Guard | None = None, **more: object) -> str:
        asked: Headers = [*headers] if any(name == b"Host" for name, _ in headers) else [HOST, *headers]
        values = {"method": b"GET", **more}
        try:
            (guard or self.guard).admit(Asked(headers=asked, **values), 0.0)  # type: ignore[arg-type]
        except Refusal as refusal:
            return refusal.code
        return "admitted"


class SecretTests(GuardCase):
    def test_the_token_admits_in_three_places(self) -> None:
        self.assertEqual(self.outcome(BEARER), "admitted")
        self.assertEqual(self.outcome(COOKIE), "admitted")
        self.assertEqual(self.outcome(token=b"t0ken"), "admitted")

    def test_nothing_and_wrong_ones(self) -> None:
        self.assertEqual(self.outcome(), "no-token")
        self.assertEqual(self.outcome(token=b"t0ke"), "wrong-token")
        self.assertEqual(self.outcome(token=b""), "wrong-token")
        self.assertEqual(self.outcome((b"Authorization", b"Bearer t0ken2")), "wrong-token")
        self.assertEqual(self.outcome(BEARER, BEARER), "no-token")
        self.assertEqual(self.outcome((b"Cookie", b"sellia_inspector_4041=t0ken")), "no-token")
        self.assertEqual(self.outcome(BASIC), "no-token")

    def test_the_cookie_is_nobody_elses(self) -> None:
        self.assertEqual(self.guard.cookie, b"sellia_inspector_4040=t0ken; Path=/; HttpOnly; SameSite=Strict")

    def test_guessing_is_slowed_down_and_locks_nobody_out(self) -> None:
        for _ in range(WRONG.burst):
            self.assertEqual(self.outcome(token=b"guess"), "wrong-token")
        self.assertEqual(self.outcome(token=b"guess"), "too-many-guesses")
        self.assertEqual(self.outcome(token=b"t0ken"), "admitted")
        self.assertEqual(self.outcome(COOKIE), "admitted")

    def test_a_code_is_good_once_and_for_the_page(self) -> None:
        guard = Guard("t0ken", 4040, codes={"abc": 9.0, "late": 0.0})
        self.assertEqual(self.outcome(token=b"abc", guard=guard), "wrong-token")
        self.assertEqual(self.outcome(token=b"abc", page=True, guard=guard), "admitted")
        self.assertEqual(self.outcome(token=b"abc", page=True, guard=guard), "wrong-token")
        self.assertEqual(self.outcome(token=b"late", page=True, guard=guard), "wrong-token")

    def test_a_password(self) -> None:
        guard = Guard("t0ken", 4040, password="pass")
        self.assertEqual(self.outcome(BASIC, guard=guard), "admitted")
        self.assertEqual(self.outcome((b"Authorization", b"Basic eDpwYXN4"), guard=guard), "wrong-password")
        self.assertEqual(self.outcome(guard=guard), "no-token")

    def test_a_password_is_not_looked_at_after_too_many(self) -> None:
        """Otherwise whoever guesses would not care that wrong ones are refused."""
        guard = Guard("t0ken", 4040, password="pass")
        for _ in range(WRONG.burst):
            self.outcome((b"Authorization", b"Basic eDpwYXN4"), guard=guard)
        self.assertEqual(self.outcome(BASIC, guard=guard), "too-many-guesses")
        self.assertEqual(self.outcome(BEARER, guard=guard), "admitted")


class HostTests(GuardCase):
    def test_names_of_this_machine(self) -> None:
        for host in (
            b"127.0.0.1:4040",
            b"localhost:4040",
            b"LOCALHOST",
            b"[::1]:4040",
            b"127.0.0.1",
            b"localhost:5050",
        ):
            self.assertEqual(self.outcome((b"Host", host), BEARER), "admitted", host)

    def test_names_that_lead_here_by_rebinding(self) -> None:
        for host in (
            b"evil.example",
            b"localhost.evil.example",
            b"127.0.0.1.evil.example",
            b"evil.localhost",
            b"10.0.0.1",
        ):
            self.assertEqual(self.outcome((b"Host", host), BEARER), "foreign-host", host)

    def test_no_host_two_hosts_and_nonsense(self) -> None:
        asked = Asked(b"GET", [BEARER])
        self.assertRaises(Refusal, self.guard.admit, asked, 0.0)
        self.assertEqual(self.outcome(HOST, HOST, BEARER), "unusable-host")
        for host in (b"", b"a b", b"127.0.0.1:4040@evil", b"127.0.0.1,evil", b"localhost:99999"):
            self.assertEqual(self.outcome((b"Host", host), BEARER), "unusable-host", host)

    def test_more_than_loopback(self) -> None:
        """An address cannot be rebound; a name must be listed."""
        guard = Guard("t0ken", 4040, password="p", hosts=("box.lan",), wide=True)
        for host in (b"10.0.0.1:4040", b"box.lan:4040", b"[fe80::1]:4040"):
            self.assertEqual(self.outcome((b"Host", host), BEARER, guard=guard), "admitted", host)
        self.assertEqual(self.outcome((b"Host", b"evil.example"), BEARER, guard=guard), "foreign-host")


class BrowserTests(GuardCase):
    """The owner's browser shows a page of somebody else, and would send the cookie with what that asks for."""

    def test_another_origin_is_refused_whatever_it_shows(self) -> None:
        for origin in (b"http://evil.example", b"null", b"http://127.0.0.1:3000", b"http://localhost:4040", b""):
            for secret in (COOKIE, BEARER):
                self.assertEqual(self.outcome(secret, (b"Origin", origin)), "foreign-origin", origin)
                self.assertEqual(self.outcome(secret, (b"Origin", origin), websocket=True), "foreign-origin", origin)
        self.assertEqual(self.outcome(COOKIE, ORIGIN, (b"Origin", b"http://evil.example")), "foreign-origin")

    def test_writes_and_sockets_need_an_origin_where_the_browser_adds_the_secret(self) -> None:
        guard = Guard("t0ken", 4040, password="pass")
        for secret in (COOKIE, BASIC):
            for method in (b"POST", b"DELETE", b"PUT", b"PATCH"):
                self.assertEqual(self.outcome(secret, method=method, guard=guard), "no-origin")
                self.assertEqual(self.outcome(secret, ORIGIN, method=method, guard=guard), "admitted")
            self.assertEqual(self.outcome(secret, websocket=True, guard=guard), "no-origin")
            self.assertEqual(self.outcome(secret, ORIGIN, websocket=True, guard=guard), "admitted")

    def test_scripts_have_no_origin(self) -> None:
        self.assertEqual(self.outcome(BEARER, method=b"POST"), "admitted")
        self.assertEqual(self.outcome(token=b"t0ken", method=b"POST"), "admitted")

    def test_another_site_reads_nothing(self) -> None:
        """A page on another port of this machine is of the same site: its requests bring the strict cookie."""
        for site in (b"cross-site", b"same-site", b"strange"):
            fetch = ((b"Sec-Fetch-Site", site), (b"Sec-Fetch-Mode", b"no-cors"), (b"Sec-Fetch-Dest", b"script"))
            self.assertEqual(self.outcome(COOKIE, *fetch), "foreign-site")
            self.assertEqual(self.outcome(COOKIE, *fetch, page=True), "foreign-site")
        for site in (b"same-origin", b"none"):
            self.assertEqual(self.outcome(COOKIE, (b"Sec-Fetch-Site", site)), "admitted")

    def test_a_link_to_the_page_may_be_followed(self) -> None:
        link = ((b"Sec-Fetch-Site", b"cross-site"), (b"Sec-Fetch-Mode", b"navigate"), (b"Sec-Fetch-Dest", b"document"))
        self.assertEqual(self.outcome(COOKIE, *link, page=True), "admitted")
        self.assertEqual(self.outcome(COOKIE, *link), "foreign-site")  # of the API
        self.assertEqual(self.outcome(COOKIE, *link, page=True, method=b"POST"), "foreign-site")
        frame = (*link[:2], (b"Sec-Fetch-Dest", b"iframe"))
        self.assertEqual(self.outcome(COOKIE, *frame, page=True), "foreign-site")
