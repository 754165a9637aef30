"""What of trailers goes on."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.http.trailers import trailer_breaks_framing, trailers_to_pass


class TrailerTests(SynchronousTestCase):
    def test_trailers_that_may_not_pass(self) -> None:
        good = [(b"Server-Timing", b"x"), (b"Content-Digest", b"y"), (b"grpc-status", b"0"), (b"ETag", b'"z"')]
        names = (
            b"Host Transfer-Encoding content-length Content_Length Content-Type Content-Encoding Authorization Cookie "
            b"Set-Cookie X-Forwarded-For Forwarded Connection Trailer TE Cache-Control Expires Sellia-Error Location "
            b"Sec-WebSocket-Accept If-Match"
        )
        self.assertEqual(trailers_to_pass([*good, *((name, b"1") for name in names.split())]), good)

    def test_trailers_that_would_move_the_end_of_a_message(self) -> None:
        self.assertTrue(trailer_breaks_framing([(b"A", b"b"), (b"Content-length", b"3")]))
        self.assertTrue(trailer_breaks_framing([(b"transfer_encoding", b"chunked")]))
        self.assertFalse(trailer_breaks_framing([(b"Server-Timing", b"x")]))
