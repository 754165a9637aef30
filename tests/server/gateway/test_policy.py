"""What a policy may refuse, and what a journal is told, at a whole gateway."""

from typing import Any

from sellia.errors import ProblemError
from sellia.problems import FORBIDDEN, TOO_MANY_LINKS
from sellia.protocol.messages import CloseTunnel, GoAway, OpenTunnel, TunnelOptions
from sellia.server.gateway.keys import Owner
from sellia.server.gateway.policy import Journal, Permission, Policy, Silence
from sellia.server.gateway.sessions import ServerSession
from tests.server.gateways import GatewayCase


class Strict(Permission):
    """Refuses what a test says."""

    def __init__(self) -> None:
        self.sessions: ProblemError | None = None
        self.returns: ProblemError | None = None
        self.names: set[str] = set()

    def check_session(self, owner: Owner) -> None:
        if self.sessions is not None:
            raise self.sessions

    def check_return(self, session: ServerSession, remote: str) -> None:
        if self.returns is not None:
            raise self.returns

    def check_claim(self, session: ServerSession, wanted: OpenTunnel, label: str) -> None:
        if label in self.names:
            raise ProblemError(FORBIDDEN, "Not with this key.")


class Written:
    """A journal that a test reads."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def session_opened(self, session: ServerSession) -> None:
        self.lines.append("session opened")

    def session_ended(self, session: ServerSession, why: str) -> None:
        self.lines.append(f"session ended: {why}")

    def tunnel_opened(self, session: ServerSession, label: str, kind: str) -> None:
        self.lines.append(f"{kind} {label} opened")

    def tunnel_closed(self, session: ServerSession, label: str) -> None:
        self.lines.append(f"{label} closed")

    def refused(self, remote: str, error: ProblemError, session: ServerSession | None = None, name: str = "") -> None:
        self.lines.append(f"{error.problem.code} {remote} {name} {'session' if session is not None else 'client'}")


class PolicyCase(GatewayCase):
    def setUp(self) -> None:
        super().setUp()
        self.policy = self.gateway.policy = Strict()
        self.journal = self.gateway.journal = Written()


class PolicyTests(PolicyCase):
    def test_a_session_that_may_not_begin(self) -> None:
        self.policy.sessions = ProblemError(TOO_MANY_LINKS)
        client = self.server.client("key").connect()
        self.assertEqual((client.refusals, client.welcomes), ([("too-many-links", False)], []))
        self.assertEqual(self.journal.lines, ["too-many-links 203.0.113.7  client"])

    def test_a_session_that_may_not_go_on(self) -> None:
        """Its link is refused; the session waits for one that may."""
        client = self.server.client("key").connect().open()
        self.server.cut(client)
        self.policy.returns = ProblemError(FORBIDDEN)
        client.connect()
        self.assertEqual((client.refusals, client.welcomes), ([("forbidden", True)], [False]))
        self.policy.returns = None
        client.connect()
        self.assertEqual(client.welcomes, [False, True])

    def test_a_name_that_may_not_be_had(self) -> None:
        self.policy.names = {"demo"}
        client = self.server.client("key").connect().open()
        self.assertEqual((client.names, client.refusals), ([], [("forbidden", True)]))
        self.assertEqual(self.journal.lines[-1], "forbidden 203.0.113.7 demo session")

    def test_defaults(self) -> None:
        policy: Policy = Permission()
        journal: Journal = Silence()
        self.gateway.policy, self.gateway.journal = policy, journal
        client = self.server.client().connect().open()
        self.server.cut(client)
        client.connect()
        self.assertEqual((client.names, client.welcomes), (["demo"], [False, True]))


class JournalTests(PolicyCase):
    def test_a_session(self) -> None:
        client = self.server.client().connect().open()
        client.say(CloseTunnel(1))
        client.open("other", 2)
        self.gateway.stop()
        self.server.talk()
        lines = ["session opened", "http demo opened", "demo closed", "http other opened", "other closed"]
        self.assertEqual(self.journal.lines, [*lines, "session ended: the server stops"])

    def test_a_client_that_stops(self) -> None:
        """Its names are closed once."""
        client = self.server.client().connect().open()
        client.say(GoAway("client-gone", "", 1.0))
        self.gateway.stop()
        self.assertEqual(self.journal.lines.count("demo closed"), 1)

    def test_members_of_a_pool(self) -> None:
        clients = [self.server.client("key").connect() for _ in range(2)]
        for client in clients:
            client.say(OpenTunnel(1, "http", "demo", options=TunnelOptions(pool=True)))
        self.gateway.stop()
        self.assertEqual([self.journal.lines.count(each) for each in ("http demo opened", "demo closed")], [2, 2])


class DismissalTests(PolicyCase):
    def test_a_client_is_told_why(self) -> None:
        client = self.server.client("key").connect().open()
        session: Any = client.session
        self.gateway.dismiss(session, FORBIDDEN, "a test", "Because of a test.")
        self.server.talk()
        self.assertEqual((client.goodbyes, self.gateway.sessions), (["forbidden"], {}))
        self.assertEqual(self.journal.lines[-2:], ["demo closed", "session ended: a test"])

    def test_a_client_that_is_away(self) -> None:
        client = self.server.client("key").connect().open()
        session: Any = client.session
        self.server.cut(client)
        self.gateway.dismiss(session, FORBIDDEN, "a test")
        self.server.wait(1)
        self.assertEqual((self.gateway.sessions, self.server.clock.getDelayedCalls()), ({}, []))
