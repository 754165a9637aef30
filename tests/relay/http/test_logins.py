"""Logins that belong to a connection."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.http.logins import answer_binds, is_bound


class LoginTests(SynchronousTestCase):
    def test_schemes(self) -> None:
        for value in (
            b"NTLM TlRMTVNTUAAB",
            b"ntlm",
            b"Negotiate YII=",
            b"NEGOTIATE",
            b"Kerberos x",
            b'Basic realm="a", NTLM',
        ):
            self.assertTrue(is_bound(value), msg=repr(value))

    def test_other_schemes(self) -> None:
        for value in (
            b"Basic bnRsbTpudGxt",
            b"Bearer NTLM",
            b"NTLMv3 x",
            b'Digest username="Negotiate"',
            b"",
            b"X-NTLM",
        ):
            self.assertFalse(is_bound(value), msg=repr(value))

    def test_answers(self) -> None:
        for field in (
            (b"WWW-Authenticate", b"NTLM"),
            (b"www-authenticate", b"Basic realm=x, negotiate"),
            (b"Proxy-Support", b"Session-Based-Authentication"),
            (b"proxy-SUPPORT", b"session-based-authentication"),
            (b"Authentication-Info", b"Session-Based-Authentication"),
            (b"Persistent-Auth", b"true"),
        ):
            self.assertTrue(answer_binds([(b"A", b"b"), field]), msg=repr(field))

    def test_other_answers(self) -> None:
        for field in (
            (b"WWW-Authenticate", b"Basic realm=x"),
            (b"Authentication-Info", b'nextnonce="x"'),
            (b"Persistent-Auth", b"false"),
            (b"Set-Cookie", b"NTLM"),
        ):
            self.assertFalse(answer_binds([field]), msg=repr(field))
