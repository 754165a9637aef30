"""Links until they carry a session: what becomes of a hello whose key is looked up."""

from typing import Any

from twisted.internet.defer import fail, succeed

from sellia.errors import ProblemError
from sellia.problems import FORBIDDEN, KEY_REQUIRED, WRONG_KEY
from sellia.protocol.messages import VERSION, Hello
from sellia.server.gateway.hellos import LOOKUP_TIME, LOOKUPS, HelloState
from sellia.server.gateway.keys import KeyStore, MasterKeys, Owner
from tests.original import wire
from tests.server.clients import GatewayCase as WireCase
from tests.server.clients import Server as WireServer
from tests.server.gateways import Client, GatewayCase, Server
from tests.server.originals import Original
from tests.server.stores import SlowStore
from tests.transports.links import MemoryLink
from tests.transports.support import BINARY, frame


class SlowCase(GatewayCase):
    """A gateway with a slow store."""

    def setUp(self) -> None:
        self.store = SlowStore()
        self.server = Server(self.store, **self.settings)
        self.gateway = self.server.gateway

    def state(self, client: Client) -> HelloState | None:
        return self.gateway._hellos.state(client.wire.far)

    def answer(self, number: int = -1, error: Exception | None = None) -> None:
        self.store.answer(number, error)
        self.server.talk()

    def hello(self, key: str | None = "key") -> Client:
        """A client that has said hello, of which nothing has come yet."""
        client = self.server.client(key).connect()
        self.assertEqual((client.heard, self.state(client)), ([], HelloState.LOOKED_UP))
        return client

    def assert_nothing_is_left(self) -> None:
        self.assertEqual((self.gateway.sessions, self.gateway._hellos._links), ({}, {}))
        self.assertEqual(self.gateway._hellos._lookups, 0)


class LookupTests(SlowCase):
    def test_welcome_when_the_answer_is_there(self) -> None:
        client = self.hello()
        self.assertEqual(self.store.asked, [("key", client.remote)])
        self.answer()
        self.assertEqual((client.welcomes, self.state(client)), ([False], None))
        self.assertEqual(client.open().names, ["demo"])

    def test_refused_when_it_is_there(self) -> None:
        """Whatever the store says; for good, where another try would end the same way."""
        for problem, final in ((WRONG_KEY, True), (KEY_REQUIRED, True), (FORBIDDEN, True)):
            client = self.hello()
            self.answer(error=ProblemError(problem))
            self.assertEqual((client.refusals, client.welcomes), ([(problem.code, final)], []))
        self.assert_nothing_is_left()

    def test_a_store_that_fails(self) -> None:
        """It is a defect, in the log; the client may try again."""
        client = self.hello()
        self.answer(error=RuntimeError("no disk"))
        self.assertEqual(client.refusals, [("internal", False)])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assert_nothing_is_left()

    def test_answers_in_another_order(self) -> None:
        """Each client has its own."""
        first, second = self.hello("one"), self.hello("two")
        self.answer(1)
        self.assertEqual((first.welcomes, second.welcomes), ([], [False]))
        self.answer(0, ProblemError(WRONG_KEY))
        self.assertEqual(first.refusals, [("wrong-key", True)])

    def test_who_goes_on_with_a_session_is_not_looked_up(self) -> None:
        """So hellos of one session are acted on in their order, however slow the store is."""
        client = self.hello()
        self.answer()
        client.open()
        self.server.cut(client)
        client.attempt = 2
        client.connect()
        self.assertEqual((client.welcomes, len(self.store.asked)), ([False, True], 1))
        late = client.wire
        client.attempt = 1
        client.connect()
        self.assertEqual(client.welcomes, [False, True], "it was made before the one that the session went on with")
        self.assertIsNone(late.far.closed)

    def test_a_token_without_its_key_is_looked_up(self) -> None:
        client = self.hello()
        self.answer()
        thief = self.server.client("another")
        thief.token = client.token
        thief.connect()
        self.assertEqual(self.state(thief), HelloState.LOOKED_UP)
        self.answer()
        self.assertEqual(thief.welcomes, [False])

    def test_what_comes_meanwhile_is_held_back(self) -> None:
        """It is acted on after the answer: a second hello on one link is a violation."""
        client = self.hello()
        client.link_broken = lambda link, error: None  # type: ignore[method-assign]
        client.wire.near.say(Hello(VERSION, "again"))
        self.server.talk()
        self.assertIsNone(client.wire.far.closed)
        self.answer()
        self.assertEqual(client.welcomes, [False])
        self.assertEqual(client.wire.far.closed, (1002, "a second hello on one link"))


class MeanwhileTests(SlowCase):
    """What happens while a key is looked up."""

    def test_the_link_is_lost(self) -> None:
        client = self.hello()
        self.server.cut(client)
        self.assertEqual(self.store.cancelled, ["key"])
        self.assert_nothing_is_left()
        self.assertEqual(self.server.clock.getDelayedCalls(), [])

    def test_a_store_that_cannot_cancel(self) -> None:
        """Its late answer is for nobody."""
        client = self.hello()
        self.store._answers[-1].cancel = lambda: None  # type: ignore[method-assign]
        self.server.cut(client)
        self.answer()
        self.assert_nothing_is_left()

    def test_the_link_is_dropped_and_not_lost_yet(self) -> None:
        client = self.hello()
        client.wire.far.drop("its place was needed")
        self.store.answer()
        self.assertEqual(self.gateway.sessions, {})
        self.server.talk()
        self.assert_nothing_is_left()

    def test_the_server_drains(self) -> None:
        client = self.hello()
        self.gateway.drain(5.0)
        self.answer()
        self.assertEqual(client.refusals, [("server-draining", False)])

    def test_the_server_stops(self) -> None:
        client = self.hello()
        self.gateway.stop()
        self.store.answer()
        self.server.talk()
        self.assertEqual(client.welcomes, [])
        self.assert_nothing_is_left()

    def test_somebody_else_takes_the_last_room(self) -> None:
        first, second = self.hello("one"), self.hello("two")
        self.gateway.admission._sessions._total = 1
        self.answer(1)
        self.answer(0)
        self.assertEqual((second.welcomes, first.refusals), ([False], [("overloaded", False)]))


class LookupBoundTests(SlowCase):
    def test_time(self) -> None:
        """The client is told to come back, and the store that nobody waits."""
        client = self.hello()
        self.server.wait(LOOKUP_TIME - 0.5)
        self.assertEqual((client.heard, self.state(client)), ([], HelloState.LOOKED_UP))
        self.server.wait(1)
        self.assertEqual((client.refusals, self.store.cancelled), ([("overloaded", False)], ["key"]))
        self.assertEqual(self.gateway.guard.refusals.as_dict(), {"key_lookups": 1})
        self.assert_nothing_is_left()

    def test_number(self) -> None:
        """One more is not even asked for, and gets its turn when another is over."""
        links = [MemoryLink(self.gateway, self.server.clock) for _ in range(LOOKUPS)]
        for link in links:
            link.onOpen()
            self.gateway.link_message(link, Hello(VERSION, "test", key="key"))
        self.assertEqual(self.gateway._hellos._lookups, LOOKUPS)
        client = self.server.client("key").connect()
        self.assertEqual((client.refusals, len(self.store.asked)), ([("overloaded", False)], LOOKUPS))
        self.assertEqual(self.gateway.guard.refusals.as_dict(), {"key_lookups": 1})
        links[0].lose()
        self.hello()
        self.server.wait(LOOKUP_TIME + 1)
        for link in links[1:]:
            self.assertEqual(link.closed, (1013, "overloaded"))
            link.lose()
        self.assert_nothing_is_left()


class ParallelGuessTests(SlowCase):
    """Who tries out many keys at once learns no more than who tries them one by one."""

    settings = {"auth_failures_burst": 3, "auth_failures_rate": 0.01}

    def test_so_many_answers(self) -> None:
        clients = [self.hello(f"guess-{number}") for number in range(10)]
        for number in range(9):
            self.answer(number, ProblemError(WRONG_KEY))
        self.answer(9)
        words = [client.refusals[0][0] for client in clients]
        self.assertEqual(words, ["wrong-key"] * 3 + ["too-many-attempts"] * 7)
        self.assertEqual(self.server.client("right").connect().refusals, [("too-many-attempts", False)])
        self.assertEqual(len(self.store.asked), 10, "no key is looked at any more")


class QuickStore(MasterKeys):
    """A store that answers with a Deferred, at once."""

    def find(self, key: str | None, remote: str) -> Any:
        try:
            return succeed(super().find(key, remote))
        except ProblemError as error:
            return fail(error)


class AtOnceTests(GatewayCase):
    def test_no_deferred(self) -> None:
        """Where the answer is there at once, the link is never held back."""
        for store in (MasterKeys("right"), QuickStore("right")):
            self.server = Server(store)
            link = MemoryLink(self.server.gateway, self.server.clock)
            held: list[bool] = []
            link.hold_back = lambda held=held: held.append(True)  # type: ignore[method-assign, misc]
            link.onOpen()
            self.server.gateway.link_message(link, Hello(VERSION, "test", key="right"))
            self.assertEqual((len(self.server.gateway.sessions), held), (1, []))
            for key, word in (("wrong", "wrong-key"), (None, "key-required")):
                self.assertEqual(self.server.client(key).connect().refusals, [(word, True)])
            link.lose()

    def test_the_store_of_the_settings(self) -> None:
        store: KeyStore = MasterKeys("right")
        self.assertIsInstance(store.find("right", "203.0.113.7"), Owner)


class WireTests(WireCase):
    """The same with links as they are."""

    def setUp(self) -> None:
        self.store = SlowStore()
        self.server = WireServer(self.store)

    def test_nothing_is_read_meanwhile(self) -> None:
        client = self.server.client("key")
        transport = client.wire.transport
        self.assertEqual((client.heard, transport.producerState), ([], "paused"))
        self.store.answer()
        self.server.talk()
        self.assertEqual(transport.producerState, "producing")
        self.assertFalse(client.welcomed.resumed)
        self.assert_ready(client.open_tunnel("demo"))

    def test_an_original_client_that_asks_for_a_tunnel_at_once(self) -> None:
        """What it asks for is its hello, and is answered when the answer is there; so is what it sent behind it."""
        client = Original(self.server)
        wishes = [
            wire.message("tunnel_open", tunnel_type="http", local_port=8080, subdomain=name)
            for name in ("demo", "more")
        ]
        client.octets(b"".join(frame(BINARY, wire.encode(each)) for each in wishes))
        self.assertEqual((client.heard(), len(self.store.asked)), ([], 1))
        self.store.answer()
        self.server.talk()
        told = [(each["type"], each["subdomain"]) for each in client.heard()]
        self.assertEqual(told, [("tunnel_ready", "demo"), ("tunnel_ready", "more")])

    def test_an_original_client_without_a_key(self) -> None:
        """It may say another hello, which is looked up as well."""
        client = Original(self.server)
        client.say("tunnel_open", tunnel_type="http", local_port=8080, subdomain="demo")
        self.store.answer(error=ProblemError(KEY_REQUIRED))
        self.server.talk()
        self.assertEqual([each["type"] for each in client.heard()], ["auth_error"])
        self.assertIsNone(client.closed)
        client.say("auth", api_key="key")
        self.store.answer()
        self.server.talk()
        self.assertEqual([each["type"] for each in client.heard()], ["auth_ok"])
        client.open("demo")
