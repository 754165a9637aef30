"""Whose a domain is, as the DNS says: at a claim, and from then on."""

from collections.abc import Hashable

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProblemError
from sellia.problems import DNS_UNAVAILABLE, DOMAIN_NOT_PROVEN, FORBIDDEN, OVERLOADED, Problem
from sellia.server.gateway.control import AGAIN, AT_ONCE, HOPS, LOOKS, PATIENCE, WAITING, DomainControl
from sellia.server.gateway.domains import GRACE, VALID, RememberedProofs
from sellia.server.gateway.keys import Owner
from sellia.server.settings import ServerSettings
from tests.logs import log_lines
from tests.server.zones import MemoryZones

SERVER = "tunnel.example.com"
SHOP = "shop.example.org"
LABEL = SHOP + "."
ALICE, BOB = Owner("acc_a", "acc_a"), Owner("acc_b", "acc_b")
TEXT = "_sellia." + SHOP
ANYBODY = Owner(("address", "203.0.113.7"), "203.0.113.7")


class ControlCase(SynchronousTestCase):
    settings = ServerSettings(domain=SERVER, open=True)

    def setUp(self) -> None:
        self.clock = Clock()
        self.zones = MemoryZones()
        self.bound: dict[str, Hashable] = {LABEL: "acc_a"}
        self.lost: list[tuple[str, ProblemError]] = []
        self.proofs = RememberedProofs(self.clock.seconds)
        self.control = DomainControl(
            self.settings,
            self.clock,
            self.proofs,
            self.zones,
            lambda label, owner: self.bound.get(label) == owner,
            lambda label, error: self.lost.append((label, error)),
        )
        self.token = self.control.records(ALICE, SHOP).token

    def refused(self, problem: Problem, owner: Owner = ALICE, domain: str = SHOP) -> str:
        error = self.failureResultOf(self.control.prove(owner, [domain]), ProblemError).value
        self.assertIs(error.problem, problem)
        return str(error)

    def shown(self, owner: Owner = ALICE, domain: str = SHOP) -> None:
        self.assertIsNone(self.successResultOf(self.control.prove(owner, [domain])))

    def pass_time(self, seconds: float) -> None:
        """Let time pass in steps of ten minutes, with a look at what is due in each."""
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            self.clock.advance(min(600.0, end - self.clock.seconds()))
            self.control.check(self.clock.seconds())


class ProveTests(ControlCase):
    def test_nothing_there(self) -> None:
        """It is said what to do."""
        said = self.refused(DOMAIN_NOT_PROVEN)
        self.assertIn("Nothing shows yet that shop.example.org is yours", said)
        self.assertIn(f"shop.example.org CNAME {self.token}.{SERVER}", said)
        self.assertIn(f"{TEXT} TXT {self.token}", said)

    def test_text(self) -> None:
        self.zones.text(TEXT, "v=spf1 -all", self.token)
        self.shown()
        self.assertEqual(self.control.missing(ALICE, [LABEL, "myapp", "*.myapp"]), [])
        self.assertEqual(self.control.missing(BOB, [LABEL]), [SHOP])

    def test_somebody_elses_text(self) -> None:
        self.zones.text(TEXT, self.token)
        self.refused(DOMAIN_NOT_PROVEN, BOB)

    def test_alias(self) -> None:
        for target, shown in ((f"{self.token}.{SERVER}.", True), (SERVER, False), (f"myapp.{SERVER}", False)):
            self.zones.aliases[SHOP] = target
            self.shown() if shown else self.refused(DOMAIN_NOT_PROVEN)

    def test_alias_of_an_alias(self) -> None:
        self.zones.aliases |= {SHOP: "a.example", "a.example": "b.example", "b.example": f"{self.token}.{SERVER}"}
        self.shown()

    def test_aliases_without_end(self) -> None:
        self.zones.aliases |= {SHOP: "a.example", "a.example": SHOP}
        self.refused(DOMAIN_NOT_PROVEN)
        self.assertEqual(len(self.zones.asked), 1 + HOPS)

    def test_wildcard(self) -> None:
        """Its text is that of the domain, its alias its own."""
        wild = self.control.records(ALICE, "*.example.org")
        self.zones.text("_sellia.example.org", wild.token)
        self.shown(domain="*.example.org")
        self.zones.clear()
        self.zones.aliases["example.org"] = wild.target
        self.refused(DOMAIN_NOT_PROVEN, domain="*.example.org")
        self.zones.aliases["*.example.org"] = wild.target
        self.shown(domain="*.example.org")

    def test_no_answer(self) -> None:
        """Is no proof, and passes."""
        self.zones.broken = True
        self.assertIn("answered with an error", self.refused(DNS_UNAVAILABLE))
        self.zones.broken, self.zones.silent = False, True
        proof = self.control.prove(ALICE, [SHOP])
        self.clock.advance(PATIENCE)
        error = self.failureResultOf(proof, ProblemError).value
        self.assertIs(error.problem, DNS_UNAVAILABLE)
        self.assertIn("no answer within 10 s", str(error))

    def test_no_answer_after_a_proof(self) -> None:
        """For a while the proof counts."""
        self.zones.text(TEXT, self.token)
        self.shown()
        self.zones.broken = True
        self.clock.advance(VALID)
        self.assertEqual(self.control.missing(ALICE, [LABEL]), [SHOP])
        self.shown()
        self.clock.advance(GRACE - VALID)
        self.refused(DNS_UNAVAILABLE)

    def test_a_text_server_that_is_broken(self) -> None:
        """The other record is looked at all the same, and what is not known is not denied."""
        texts = self.zones.texts

        async def fail(name: str) -> list[str]:
            self.zones.broken = True
            try:
                return await texts(name)
            finally:
                self.zones.broken = False

        self.zones.texts = fail  # type: ignore[method-assign]
        self.refused(DNS_UNAVAILABLE)
        self.zones.aliases[SHOP] = f"{self.token}.{SERVER}"
        self.shown()

    def test_who_could_be_anybody(self) -> None:
        error = self.assertRaises(ProblemError, self.control.missing, ANYBODY, [LABEL])
        self.assertIs(error.problem, FORBIDDEN)
        self.assertIn("set a master key", str(error))
        self.assertEqual(self.control.missing(ANYBODY, ["myapp"]), [])

    def test_not_allowed(self) -> None:
        self.control.settings = ServerSettings(domain=SERVER, open=True, custom_domains=False)
        error = self.assertRaises(ProblemError, self.control.missing, ALICE, [LABEL])
        self.assertIn("custom_domains", str(error))

    def test_bounds(self) -> None:
        self.zones.silent = True
        proofs = [self.control.prove(ALICE, [f"{number}.example"]) for number in range(AT_ONCE + WAITING)]
        self.assertEqual(len(self.zones.asked), AT_ONCE)
        self.refused(OVERLOADED)
        for _ in range(3 + WAITING // AT_ONCE):
            self.clock.advance(PATIENCE)
        for each in proofs:
            self.failureResultOf(each, ProblemError)
        self.zones.silent = False
        self.refused(DOMAIN_NOT_PROVEN)


class WatchTests(ControlCase):
    def setUp(self) -> None:
        super().setUp()
        self.zones.text(TEXT, self.token)
        self.shown()
        self.control.watch(ALICE, ["myapp", LABEL])
        self.zones.asked.clear()
        self.lines = log_lines(self)

    def test_once_a_day(self) -> None:
        self.pass_time(10 * VALID)
        self.assertIn(len(self.zones.asked), (9, 10))
        self.assertEqual(self.lost, [])
        self.assertEqual(self.control.missing(ALICE, [LABEL]), [])

    def test_records_that_are_gone(self) -> None:
        """Not at once: records are mended by hand."""
        self.zones.clear()
        self.pass_time(VALID + (LOOKS - 1) * AGAIN - 1)
        self.assertEqual(self.lost, [])
        self.pass_time(2 * AGAIN)
        [(label, error)] = self.lost
        self.assertEqual((label, error.problem), (LABEL, DOMAIN_NOT_PROVEN))
        self.assertIn("Nothing shows any more", str(error))
        self.assertEqual(self.control.missing(ALICE, [LABEL]), [SHOP])
        self.pass_time(VALID)
        self.assertEqual((len(self.lost), sum("not proven any more" in line for line in self.lines)), (1, LOOKS))

    def test_records_that_come_back(self) -> None:
        self.zones.clear()
        self.pass_time(VALID + AGAIN)
        self.zones.text(TEXT, self.token)
        self.pass_time(2 * AGAIN)
        self.zones.clear()
        self.pass_time(VALID)
        self.assertEqual(self.lost, [])

    def test_a_dns_that_does_not_answer(self) -> None:
        self.zones.broken = True
        self.pass_time(GRACE - AGAIN)
        self.assertEqual(self.lost, [])
        self.pass_time(2 * AGAIN)
        self.assertIn("has not said for 72 hours", str(self.lost[0][1]))

    def test_nobodys_any_more(self) -> None:
        """What no tunnel has is not looked at, and nobody loses what is somebody else's by now."""
        self.bound[LABEL] = "acc_b"
        self.zones.clear()
        self.pass_time(2 * VALID)
        self.assertEqual((self.zones.asked, self.lost), ([], []))

    def test_not_allowed_any_more(self) -> None:
        self.control.settings = ServerSettings(domain=SERVER, open=True, custom_domains=False)
        self.pass_time(VALID + AGAIN)
        self.assertIn("custom_domains", str(self.lost[0][1]))
