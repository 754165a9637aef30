"""What each check of a request asks; whole requests are in `test_ingress` and `test_waiting`."""

from dataclasses import replace

from twisted.internet.defer import Deferred

from sellia.errors import ProblemError
from sellia.problems import FORBIDDEN
from sellia.protocol.messages import Notice, TunnelOptions
from sellia.relay.access import AccessList
from sellia.relay.mux.upstream import Upstream
from sellia.relay.registry import Tunnel
from sellia.relay.rules import rules_of
from sellia.server.ingress.checks import CHECKS, Check, Verdict, has_room
from sellia.server.ingress.exchange import Channel
from sellia.server.ingress.http1 import Request
from tests.server.support import GET, ServerCase, get


def never(request: Request, tunnel: Tunnel[Upstream], connection: Channel) -> "Verdict | Deferred[Verdict]":
    """Let nobody in."""
    return ProblemError(FORBIDDEN, "Nobody may.")


class CheckTests(ServerCase):
    def test_room_is_looked_for_last(self) -> None:
        self.assertIs(CHECKS[-1], has_room)

    def test_all_are_asked_in_their_order_until_one_refuses(self) -> None:
        asked: list[str] = []

        def noting(name: str, verdict: Verdict = None) -> Check:
            def check(request: Request, tunnel: Tunnel[Upstream], connection: Channel) -> Verdict:
                asked.append(f"{name} {tunnel.label} {connection.visitor_of(request)}")
                return verdict

            return check

        self.stage.ingress.checks = (noting("a"), noting("b", ProblemError(FORBIDDEN)), noting("c"))
        self.assert_answers(self.stage.visitor(GET), (403, "forbidden"))
        self.assertEqual(asked, ["a demo 203.0.113.7", "b demo 203.0.113.7"])

    def test_a_check_of_its_own(self) -> None:
        self.stage.ingress.checks = (never, *CHECKS)
        visitor = self.stage.visitor(get(b"/", b"Accept: application/json"))
        self.assertIn(b"Nobody may.", visitor.read())
        self.assertEqual((self.stage.asked, visitor.end), ([], "open"))

    def test_addresses(self) -> None:
        """Who is kept out by address is told so, before anything else is counted, and the owner is told, too."""
        tunnels = self.stage.tunnels.by_name
        rules = rules_of(TunnelOptions(), AccessList(["203.0.113.0/24"], ["203.0.113.66"]), password=False)
        tunnels["demo"] = replace(tunnels["demo"], rules=rules)
        self.assert_answers(self.stage.visitor(GET, host="203.0.113.66"), (403, "forbidden"))
        self.assert_answers(self.stage.visitor(GET, host="2001:db8::1"), (403, "forbidden"))
        self.assertEqual(self.stage.asked, [])
        self.stage.visitor(GET, host="::ffff:203.0.113.7")
        self.assertEqual(len(self.stage.asked), 1)
        notices = [each.word for each in self.stage.pair.client.messages if isinstance(each, Notice)]
        self.assertEqual(notices, ["forbidden"] * 2)

    def test_names_without_a_tunnel_are_not_checked(self) -> None:
        self.stage.ingress.checks = (never,)
        self.assert_answers(self.stage.visitor(get(host=b"nobody.localhost")), (404, "no-such-tunnel"))

    def test_the_allowance_of_an_account(self) -> None:
        """It is asked before room is looked for, and only where there are accounts."""
        asked = []

        def allowance(tunnel: Tunnel[Upstream], visitor: str) -> ProblemError | None:
            asked.append((tunnel.label, visitor))
            return ProblemError(FORBIDDEN, "It has had enough.")

        self.stage.ingress.hold_to(allowance)
        self.assertIs(self.stage.ingress.checks[-1], has_room)
        self.assert_answers(self.stage.visitor(GET), (403, "forbidden"))
        self.assertEqual((asked, self.stage.asked), ([("demo", "203.0.113.7")], []))
