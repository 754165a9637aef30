"""Where requests end: at every end that there is, and nowhere else."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sellia.server.boundary import end_of_requests
from tests.server.reading import chunked, get, post

#: Each is one request; some have what looks like the end of one inside.
REQUESTS = (
    get(),
    get(b"Content-Length: 0"),
    post(b"hello", b"content-length: 5"),
    post(b"\r\n\r\nGET / HTTP/1.1\r\n\r\n", b"Content-Length: 22"),
    chunked(b"0\r\n\r\n"),
    chunked(b"5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n"),
    chunked(b"7\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n"),
    b"\r\n" + get(),
)

#: What llhttp does not go on with.
STRANGE = (
    b"BREW / HTTP/1.1\r\n\r\n",
    b"GETX / HTTP/1.1\r\n\r\n",
    b"X",
    b"\x00\r\n\r\n",
    b"\r\nBREW / HTTP/1.1\r\n\r\n",
    b"",
)


class EndTests(SynchronousTestCase):
    """The end of the last request that is whole."""

    @settings(deadline=None, max_examples=200)
    @given(st.lists(st.sampled_from(REQUESTS), max_size=6), st.sampled_from(STRANGE))
    def test_any_requests(self, requests: list[bytes], strange: bytes) -> None:
        whole = b"".join(requests)
        self.assertEqual(end_of_requests(whole + strange), len(whole))

    def test_a_request_that_is_not_whole(self) -> None:
        for part in (get()[:-1], post(b"hell", b"Content-Length: 5"), chunked(b"5\r\nhello\r\n0\r\n")):
            self.assertEqual(end_of_requests(get() + part), len(get()))

    def test_nothing_whole(self) -> None:
        self.assertEqual(end_of_requests(b"BREW / HTTP/1.1\r\n\r\n"), 0)
        self.assertEqual(end_of_requests(b""), 0)
