"""What becomes of a request by its head: a table of rules, heads and visitors."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.problems import BODY_TOO_LARGE, FORBIDDEN, METHOD_NOT_ALLOWED
from sellia.protocol.messages import Headers
from sellia.relay.access import AccessList
from sellia.relay.http.policy import Refusal, Rewrite, Visitor, decide
from sellia.relay.rules import Rules

VISITOR = Visitor("203.0.113.7")


class Asked:
    """A request's head."""

    def __init__(self, method: bytes = b"GET", headers: Headers | None = None, length: int | None = None) -> None:
        self.method = method
        self.headers = headers or []
        self.length = length


def word(rules: Rules, head: Asked, visitor: Visitor = VISITOR) -> str:
    decision = decide(rules, head, visitor)
    return decision.problem.code if isinstance(decision, Refusal) else "passes"


class AddressTests(SynchronousTestCase):
    def test_who_may_come(self) -> None:
        rules = Rules(AccessList(["203.0.113.0/24", "2001:db8::/32"], ["203.0.113.9"]))
        for address, passes in (
            ("203.0.113.7", True),
            ("::ffff:203.0.113.7", True),
            ("2001:db8::1", True),
            ("203.0.113.9", False),
            ("::ffff:203.0.113.9", False),
            ("198.51.100.1", False),
            ("", False),
            ("unix", False),
        ):
            self.assertEqual(word(rules, Asked(), Visitor(address)), "passes" if passes else FORBIDDEN.code, address)

    def test_fields_do_not_say_who_comes(self) -> None:
        rules = Rules(AccessList(["198.51.100.1"]))
        for name in (b"X-Forwarded-For", b"X-Real-IP", b"Forwarded", b"CF-Connecting-IP", b"True-Client-IP"):
            head = Asked(headers=[(name, b"for=198.51.100.1" if name == b"Forwarded" else b"198.51.100.1")])
            self.assertEqual(word(rules, head), FORBIDDEN.code)

    def test_the_address_comes_first(self) -> None:
        rules = Rules(AccessList(deny=["0.0.0.0/0"]), (b"GET",), 1)
        self.assertEqual(word(rules, Asked(b"POST", length=2)), FORBIDDEN.code)
        self.assertEqual(word(Rules(None, (b"GET",), 1), Asked(b"POST", length=2)), METHOD_NOT_ALLOWED.code)


class MethodTests(SynchronousTestCase):
    rules = Rules(methods=(b"GET", b"POST"))

    def test_case_and_length_count(self) -> None:
        for method, passes in (
            (b"GET", True),
            (b"POST", True),
            (b"get", False),
            (b"HEAD", False),
            (b"OPTIONS", False),
            (b"GETX", False),
            (b"GE", False),
        ):
            self.assertEqual(word(self.rules, Asked(method)) == "passes", passes, method)

    def test_the_others_are_named(self) -> None:
        decision = decide(self.rules, Asked(b"DELETE"), VISITOR)
        assert isinstance(decision, Refusal)
        self.assertEqual((decision.problem, decision.allow), (METHOD_NOT_ALLOWED, b"GET, POST"))

    def test_a_field_that_stands_for_another_method(self) -> None:
        for name in (b"X-HTTP-Method-Override", b"x-http-method", b"X_HTTP_METHOD_OVERRIDE", b"X-Method-OVERRIDE"):
            for value, passes in (
                (b"DELETE", False),
                (b"delete ", False),
                (b"GET, DELETE", False),
                (b"", False),
                (b"post", True),
                (b"\tGET", True),
            ):
                head = Asked(b"POST", [(b"A", b"b"), (name, value)])
                self.assertEqual(word(self.rules, head) == "passes", passes, (name, value))
        self.assertEqual(word(Rules(max_body=1), Asked(b"POST", [(b"X-HTTP-Method", b"DELETE")])), "passes")


class BodyTests(SynchronousTestCase):
    def test_at_the_edge(self) -> None:
        rules = Rules(max_body=10)
        for length, passes in ((None, True), (0, True), (10, True), (11, False), (10**18, False)):
            self.assertEqual(word(rules, Asked(b"POST", length=length)) == "passes", passes, length)
        decision = decide(rules, Asked(b"POST", length=11), VISITOR)
        assert isinstance(decision, Refusal)
        self.assertEqual(decision.problem, BODY_TOO_LARGE)
        self.assertIn("10 bytes at most (max_body)", decision.detail)


class RewriteTests(SynchronousTestCase):
    def test_a_password_is_the_tunnels(self) -> None:
        decision = decide(Rules(password=True), Asked(), VISITOR)
        assert isinstance(decision, Rewrite)
        fields = [(b"authorization", b"Basic x"), (b"A", b"b")]
        self.assertEqual(decision.apply(fields), [(b"A", b"b")])
        self.assertEqual(Rewrite(authorization=False).apply(fields), fields)
        self.assertIsNone(decide(Rules(max_body=1), Asked(), VISITOR))
