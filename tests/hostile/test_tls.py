"""A listener that does TLS itself speaks no version and no cipher that is known to be weak."""

from __future__ import annotations

import socket
import ssl
import warnings

from tests.e2e.fronts import certificate
from tests.hostile.case import HostileCase
from tests.processes import Process, free_port, start_twistd

WEAK = (
    "RC4",
    "3DES",
    "DES-CBC3-SHA",
    "NULL",
    "EXPORT",
    "MD5",
    "SEED",
    "IDEA",
    "aNULL",
    "PSK",
    "AES128-SHA",
    "AES256-SHA",
)


def start_tls_server() -> Process:
    """A server with one listener, which does TLS."""
    cert, key = certificate()
    port = free_port()
    endpoint = f"ssl:{port}:interface=127.0.0.1:privateKey={key}:certKey={cert}"
    server = start_twistd("sellia-server", "--listen", endpoint, "--domain", "sellia.test", "--https", port=port)
    server.wait_for_port()
    return server


class TlsTests(HostileCase):
    """What OpenSSL offers at its weakest; testssl.sh asks for more in `make hostile`."""

    def setUp(self) -> None:
        super().setUp()
        self.server = start_tls_server()
        self.addCleanup(self.server.stop)

    def agreed(self, **how: object) -> str | None:
        """The version and cipher that the server agrees to; None if it does not."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                context.set_ciphers(f"{how.get('ciphers', 'ALL')}:@SECLEVEL=0")
                context.minimum_version = how.get("least", ssl.TLSVersion.MINIMUM_SUPPORTED)  # type: ignore[assignment]
                context.maximum_version = how.get("most", ssl.TLSVersion.MAXIMUM_SUPPORTED)  # type: ignore[assignment]
        except ssl.SSLError:
            return None  # this OpenSSL has no such cipher any more
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=5) as plain:
            try:
                with context.wrap_socket(plain, server_hostname="demo.sellia.test") as secure:
                    return f"{secure.version()} {(secure.cipher() or ('',))[0]}"
            except (ssl.SSLError, ConnectionError):
                return None

    def test_versions(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for old in (ssl.TLSVersion.SSLv3, ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
                self.assertIsNone(self.agreed(least=old, most=old))
        self.assertIsNotNone(self.agreed(least=ssl.TLSVersion.TLSv1_2, most=ssl.TLSVersion.TLSv1_2))
        self.assertIsNotNone(self.agreed(least=ssl.TLSVersion.TLSv1_3))

    def test_ciphers(self) -> None:
        for weak in WEAK:
            self.assertIsNone(self.agreed(ciphers=weak, most=ssl.TLSVersion.TLSv1_2), weak)

    def test_rubbish_before_and_inside_the_handshake(self) -> None:
        for data in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x16\x03\x01\xff\xff" + b"\xff" * 70_000,
            b"\x15\x03\x01\x00\x02\x02\x28",
        ):
            with socket.create_connection(("127.0.0.1", self.server.port), timeout=5) as visitor:
                try:
                    visitor.sendall(data)
                    while visitor.recv(4096):
                        pass
                except ConnectionError:
                    pass
        self.assertIsNotNone(self.agreed())
        self.assertNotIn("Traceback", self.server.output)
