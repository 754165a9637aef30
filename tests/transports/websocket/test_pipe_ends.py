"""How a WebSocket ends: the table of who ended it, and what the other side is told."""

from sellia.problems import SESSION_EXPIRED, problem_of
from tests.server.slow import SlowSocket
from tests.transports.support import BINARY, PING, TEXT, Peer, Sockets, close, frame, frames, head
from tests.transports.websocket.test_pipe import SocketsCase

KIB = 1024

#: Every code that may stand in a close frame (RFC 6455, 7.4, and what was registered since), and none.
CODES = (None, 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999)

DIED = close(1011, "service-died: the service dropped the connection without a close frame")


class CloseTests(SocketsCase):
    """A close frame passes like any other, each way, with the code and the reason that it has."""

    def test_codes(self) -> None:
        for code in CODES:
            for reason in ("", "because Grüße") if code is not None else ("",):
                for first in ("visitor", "service"):
                    stage = Sockets()
                    sender: Peer = getattr(stage, first)
                    receiver = stage.other(sender)
                    sender.send(close(code, reason))
                    self.assertEqual(receiver.read(), [close(code, reason)])
                    receiver.send(close(4001, "answer"))
                    self.assertEqual(sender.read(), [close(4001, "answer")], "the answer is the other's own")
                    for peer in (sender, receiver):
                        self.assertEqual((peer.story.by, peer.story.code, peer.story.reason), (first, code, reason))
                    stage.check()

    def test_codes_that_are_for_the_receiver_to_refuse(self) -> None:
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535):
            stage = Sockets()
            stage.visitor.send(close(code))
            self.assertEqual(stage.service.read(), [close(code)])
            stage.check()

    def test_the_server_hangs_up_first(self) -> None:
        """RFC 6455, 7.1.1: towards the visitor that is us; from the service, it is the service."""
        for first, second in (("visitor", "service"), ("service", "visitor")):
            stage = Sockets()
            getattr(stage, first).send(close(1000))
            self.assertEqual((stage.visitor.end, stage.service.end), ("open", "open"))
            getattr(stage, second).send(close(1000))
            self.assertEqual((stage.visitor.end, stage.service.end), ("closed", "open"))
            stage.visitor.drop()
            self.assertEqual(stage.service.end, "closed")
            stage.check()

    def test_the_service_hangs_up(self) -> None:
        self.visitor.send(close(1000))
        self.service.send(close(1000))
        self.service.drop()
        self.assertEqual(self.visitor.read(), [close(1000)])
        self.assertEqual(self.visitor.end, "closed")

    def test_the_service_hangs_up_without_waiting(self) -> None:
        """It has said why: the visitor gets that, and its own answer goes nowhere."""
        self.service.pipe.dataReceived(b"\x88\x02\x0f\xa0")
        self.service.vanish()
        self.stage.talk()
        self.assertEqual((self.visitor.read(), self.visitor.end), ([close(4000)], "open"))
        self.visitor.send(close(4000))
        self.assertEqual(self.visitor.end, "closed")

    def test_data_behind_a_close_frame_that_the_other_has_not_seen(self) -> None:
        self.visitor.send(close(1000))
        self.service.send((TEXT, b"on its way"), close(1000))
        self.assertEqual(self.visitor.read(), [(TEXT, b"on its way"), close(1000)])

    def test_no_answer_to_a_close_frame(self) -> None:
        for name in ("visitor", "service"):
            stage = Sockets()
            sender: Peer = getattr(stage, name)
            receiver = stage.other(sender)
            sender.send(close(1000))
            stage.wait(9)
            self.assertEqual(receiver.end, "open")
            stage.wait(2)
            self.assertEqual(receiver.end, "aborted")
            stage.check()

    def test_a_service_that_does_not_hang_up(self) -> None:
        self.visitor.send(close(1000))
        self.service.send(close(1000))
        self.stage.wait(11)
        self.assertEqual(self.service.end, "aborted")


class HalfCloseTests(SocketsCase):
    """FIN from one side, behind its close frame."""

    def test_the_visitor_gets_what_the_service_still_says(self) -> None:
        self.visitor.send((TEXT, b"bye"), close(1000))
        self.visitor.finish()
        self.assertEqual(self.service.read(), [(TEXT, b"bye"), close(1000)])
        self.service.send((TEXT, b"last words"), close(1000))
        self.assertEqual(self.visitor.read(), [(TEXT, b"last words"), close(1000)])
        self.assertEqual(self.visitor.end, "closed")

    def test_the_service_gets_what_the_visitor_still_says(self) -> None:
        self.service.send(close(1001))
        self.service.finish()
        self.assertEqual(self.visitor.read(), [close(1001)])
        self.visitor.send((TEXT, b"on its way"), close(1001))
        self.assertEqual(self.service.read(), [(TEXT, b"on its way"), close(1001)])

    def test_the_service_after_both_close_frames(self) -> None:
        self.visitor.send(close(1000))
        self.service.send(close(1000))
        self.service.finish()
        self.assertEqual(self.service.end, "closed")

    def test_after_we_have_hung_up(self) -> None:
        self.visitor.raw(b"\xff\xff\xff\xff")
        self.stage.wait(1)
        self.assertEqual(self.visitor.end, "half")
        self.visitor.finish()
        self.assertEqual(self.visitor.end, "closed")


class DropTests(SocketsCase):
    """A connection that ends without a close frame: never told as an orderly end."""

    def test_by_the_visitor(self) -> None:
        """The service sees what it would see if it were directly connected: no close frame."""
        self.visitor.drop()
        self.assertEqual((self.service.read(), self.service.end), ([], "half"))
        self.service.drop()
        self.assertEqual((self.visitor.story.by, self.service.story.by), ("visitor", "visitor"))
        self.assertIn("without a close frame", self.visitor.story.reason)

    def test_by_the_service(self) -> None:
        self.service.drop()
        self.assertEqual((self.visitor.read(), self.visitor.end), ([DIED], "open"))
        self.visitor.send((TEXT, b"on its way"), close(1011))
        self.assertEqual(self.visitor.end, "closed")
        self.assertEqual((self.visitor.story.by, self.service.story.by), ("service", "service"))

    def test_by_the_service_to_a_visitor_who_says_nothing(self) -> None:
        self.service.drop()
        self.stage.wait(11)
        self.assertEqual(self.visitor.end, "aborted")

    def test_by_a_client_that_says_no_more_than_that(self) -> None:
        """Ours sends the close frame itself; of another the visitor is told what can be told."""
        self.service.pipe._stream.end()
        self.stage.talk()
        self.assertEqual((self.visitor.read(), self.visitor.end), ([DIED], "open"))
        self.visitor.send(close(1011))
        self.assertEqual(self.visitor.end, "closed")

    def test_by_the_service_after_the_visitors_close_frame(self) -> None:
        """The visitor would have seen no close frame either."""
        self.visitor.send(close(1000))
        self.service.drop()
        self.assertEqual(self.visitor.read(), [])
        self.assertIn(self.visitor.end, ("closed", "half"))

    def test_by_the_visitor_after_the_services_close_frame(self) -> None:
        self.service.send(close(1000))
        self.visitor.drop()
        self.assertEqual((self.service.read(), self.service.end), ([], "closed"))

    def test_in_one_turn_with_the_last_words(self) -> None:
        """What was said just before the end arrives, however busy the session is."""
        for peer, said, told in (
            ("visitor", [(TEXT, b"bye")], [(TEXT, b"bye")]),
            ("service", [(TEXT, b"bye")], [(TEXT, b"bye"), DIED]),
            ("service", [(TEXT, b"bye"), close(4000, "x")], [(TEXT, b"bye"), close(4000, "x")]),
            ("visitor", [(TEXT, b"bye"), close(4000, "x")], [(TEXT, b"bye"), close(4000, "x")]),
        ):
            for busy in (False, True):
                stage = Sockets()
                sender: Peer = getattr(stage, peer)
                party = stage.pair.server if sender is stage.visitor else stage.pair.client
                if busy:
                    party.can_send(False)
                sender.send(*said)
                sender.drop()
                party.can_send(True)
                stage.talk()
                receiver = stage.other(sender)
                self.assertEqual(receiver.read(), told)
                self.assertNotEqual(receiver.end, "aborted", "what was written is not to be lost")
                stage.check()

    def test_with_more_to_say_than_there_is_credit(self) -> None:
        """All of it arrives at a reader who is slow, and then the end."""
        for name in ("visitor", "service"):
            stage = Sockets()
            sender: Peer = getattr(stage, name)
            receiver = stage.other(sender)
            receiver.full()
            sent = 0
            while sender.reading:
                sender.send((BINARY, b"x" * 16 * KIB))
                sent += 1
            sender.drop()
            self.assertEqual(receiver.end, "open")
            receiver.drained()
            told = receiver.read()
            self.assertEqual(told[:sent], [(BINARY, b"x" * 16 * KIB)] * sent)
            self.assertEqual(told[sent:], [DIED] if receiver is stage.visitor else [])
            stage.check()

    def test_in_the_middle_of_a_frame(self) -> None:
        """No close frame can stand inside another frame: the connection ends there."""
        for name in ("visitor", "service"):
            stage = Sockets()
            sender: Peer = getattr(stage, name)
            receiver = stage.other(sender)
            sender.raw(head(BINARY, 100 * KIB, name == "visitor") + b"x" * 1000)
            sender.drop()
            self.assertEqual((receiver.read(), len(receiver.partial) > 1000, receiver.end), ([], True, "half"))
            stage.check()

    def test_in_the_middle_of_a_frame_of_the_other(self) -> None:
        """The rest of it, and what follows, is nobody's; the link does not care."""
        for closing in (False, True):
            stage = Sockets()
            stage.visitor.raw(head(BINARY, 100 * KIB, True) + b"x" * 1000)
            if closing:
                stage.service.send(close(1000))
            stage.service.drop()
            if stage.visitor.reading:
                stage.visitor.raw(b"x" * (100 * KIB - 1000))
                stage.visitor.send((TEXT, b"next"), (PING, b""))
            stage.check()

    def test_both_at_once(self) -> None:
        self.visitor.vanish()
        self.service.vanish()
        self.stage.talk()


class ResetTests(SocketsCase):
    """The session ends a stream: the visitor is told by a close frame."""

    def reset(self, word: str, message: str = "") -> None:
        self.stage.pair.server.session.close(problem_of(word), message)
        self.stage.talk()

    def test_codes(self) -> None:
        for word, code in (
            ("session-expired", 1012),
            ("server-restarting", 1012),
            ("client-gone", 1001),
            ("overloaded", 1013),
            ("internal", 1011),
            ("something-new", 1011),
        ):
            self.reset(word)
            self.assertEqual((self.visitor.read(), self.visitor.end), ([close(code, word)], "open"))
            self.visitor.send(close(code, word))
            self.assertEqual(self.visitor.end, "closed")
            self.stage.pair.client.session.close(problem_of(word), "")
            self.stage.check()
            self.stage = Sockets()
            self.visitor = self.stage.visitor

    def finish(self) -> None:
        self.stage.pair.client.session.close(SESSION_EXPIRED, "")

    def test_reasons_are_cut(self) -> None:
        self.reset("internal", "\N{SNOWMAN}" * 200)
        [(_, payload)] = self.visitor.read()
        self.assertLessEqual(len(payload), 125)
        self.assertTrue(payload[2:].decode().startswith("internal: \N{SNOWMAN}"))
        self.finish()

    def test_what_the_visitor_still_says_goes_nowhere(self) -> None:
        self.reset("session-expired")
        self.visitor.send((TEXT, b"x"), (BINARY, b"x" * 100 * KIB))
        self.visitor.raw(head(BINARY, 100 * KIB, True) + b"x" * 1000)
        self.assertEqual(self.visitor.end, "open")
        self.stage.wait(11)
        self.assertEqual(self.visitor.end, "aborted")
        self.finish()

    def test_a_visitor_who_was_slowed_down_is_read_again(self) -> None:
        """Else its answer could not be seen."""
        self.service.full()
        while self.visitor.reading:
            self.visitor.send((BINARY, b"x" * 16 * KIB))
        self.reset("session-expired")
        self.visitor.send(close(1012))
        self.assertEqual(self.visitor.end, "closed")
        self.finish()

    def test_in_the_middle_of_a_frame(self) -> None:
        """There is no place for a close frame, and nothing is made up to have one; the log says so."""
        self.service.raw(head(BINARY, 100 * KIB, False) + b"x" * 1000)
        self.reset("session-expired")
        self.assertEqual((self.visitor.read(), self.visitor.end), ([], "half"))
        reason = self.visitor.story.reason
        self.assertTrue(reason.startswith("session-expired"))
        self.assertTrue(reason.endswith("(told by no close frame: the rest of a frame was still to come)"))
        self.finish()

    def test_after_the_visitors_close_frame(self) -> None:
        """There is nobody to answer it, and no code to make up."""
        self.visitor.send(close(1000))
        self.reset("session-expired")
        self.assertEqual((self.visitor.read(), self.visitor.end), ([], "closed"))
        self.finish()

    def test_after_the_services_close_frame(self) -> None:
        """The visitor has been told already."""
        self.service.send(close(4000))
        self.reset("session-expired")
        self.assertEqual((self.visitor.read(), self.visitor.end), ([close(4000)], "half"))
        self.finish()

    def test_between_a_violation_and_its_verdict(self) -> None:
        self.visitor.send((0x8F, b""))
        self.reset("session-expired")
        [(_, payload)] = self.visitor.read()
        self.assertEqual(payload[:2], (1002).to_bytes(2, "big"))
        self.finish()

    def test_at_the_service(self) -> None:
        """The client's session ends too: the service is told as the visitor is."""
        self.stage.pair.client.session.close(SESSION_EXPIRED, "")
        self.stage.talk()
        self.assertEqual(self.service.read(), [close(1012, "session-expired")])
        self.service.send(close(1012))
        self.service.drop()
        self.stage.pair.server.session.close(SESSION_EXPIRED, "")


class SlowPeerTests(SocketsCase):
    """A peer that takes its last frames slowly is waited for as long as it takes any."""

    def test_hanging_up_on_a_full_socket(self) -> None:
        """Twisted does not close a connection whose producer is paused: the socket in these tests insists."""
        self.visitor.full()
        self.service.send((TEXT, b"last"), close(1000))
        self.visitor.send(close(1000))
        self.assertEqual(self.visitor.end, "closed")
        self.visitor.drop()
        self.assertEqual(self.service.end, "closed")

    def ending(self) -> tuple[Sockets, SlowSocket]:
        """Both have said that they end, behind much that the visitor has not taken."""
        socket = SlowSocket()
        stage = Sockets(socket=socket)
        stage.service.send((BINARY, b"~" * 200_000), close(4000))
        stage.visitor.pipe.dataReceived(frame(*close(4000)))
        stage.talk()
        stage.service.drop()
        return stage, socket

    def test_a_slow_reader_gets_the_close_frame(self) -> None:
        stage, socket = self.ending()
        while not socket.ended:
            stage.wait(9)
            socket.take(10_000)
            self.assertFalse(socket.aborted)
        self.assertEqual(frames(socket.took)[0], [(BINARY, b"~" * 200_000), close(4000)])
        stage.check()

    def test_who_takes_nothing_is_cut_off(self) -> None:
        stage, socket = self.ending()
        stage.wait(11)
        self.assertFalse(socket.aborted)
        stage.wait(11)
        self.assertTrue(socket.aborted)
        stage.check()
