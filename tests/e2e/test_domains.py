"""Domains of owners' own and names below names, over processes, with records that dnsmasq has."""

import atexit
import http.client
import shutil
import ssl
import subprocess
import sys
import sysconfig
import tempfile
import threading
from functools import cache
from pathlib import Path

from sellia.cli.exits import Exit
from sellia.relay.http.domains import token_of
from tests.e2e.case import EndToEndTests, watched
from tests.e2e.stage import program, run
from tests.e2e.tcp_services import Service
from tests.e2e.tcp_stage import accept, listener
from tests.processes import Process, free_port, start_twistd

SELLIA = str(Path(sysconfig.get_path("scripts"), "sellia"))
DOMAIN = "tunnel.test"
KEY = "the-key-of-the-server"
TOKEN = token_of("", DOMAIN, "example.org")


@cache
def names() -> Service:
    """A DNS with one record of each form."""
    service = Service()
    service.run(
        *(program("dnsmasq"), "--keep-in-foreground", "--no-daemon", "--conf-file=/dev/null", "--no-resolv"),
        *("--no-hosts", "--bind-interfaces", "--listen-address=127.0.0.1", "--user=root", f"--port={service.port}"),
        *("--local=/org/", f"--host-record={DOMAIN},127.0.0.1", f"--cname=www.example.org,{DOMAIN}"),
        f"--txt-record=_sellia.example.org,{TOKEN}",
        f"--cname=sealed.example.org,{DOMAIN}",
    )
    atexit.register(service.close)
    return service


@cache
def folder() -> Path:
    """Certificates: the server's own, one for each domain, and the service's of a tls tunnel."""
    home = Path(tempfile.mkdtemp(prefix="sellia-domains-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    (home / "domains").mkdir()
    certificate(home / DOMAIN, DOMAIN, f"*.{DOMAIN}")
    certificate(home / "domains" / "www.example.org", "www.example.org")
    certificate(home / "domains" / "all.example.org", "*.example.org")
    certificate(home / "service", "sealed.example.org")
    return home


def certificate(path: Path, *names: str) -> None:
    """A certificate for these names in ``PATH.pem``, signed by itself, with its key in ``PATH.key``."""
    alternatives = "subjectAltName=" + ",".join(f"DNS:{each}" for each in names)
    subprocess.run(
        [
            *(program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", f"{path}.key", "-out", f"{path}.pem", "-subj", f"/CN={names[0]}"),
            *("-addext", alternatives, "-days", "2"),
        ],
        check=True,
        capture_output=True,
    )


@cache
def tls_port() -> int:
    """Where the server speaks TLS."""
    return free_port()


@cache
def server() -> Process:
    """A server that asks that DNS."""
    port, home = free_port(), folder()
    config = home / "server.yaml"
    own = f"ssl:{tls_port()}:privateKey={home / DOMAIN}.key:certKey={home / DOMAIN}.pem:interface=127.0.0.1"
    config.write_text(
        f"master_key: {KEY}\ndns_server: 127.0.0.1:{names().port}\ndomain: {DOMAIN}\ntls_tunnels: true\n"
        f"listen: ['tcp:{port}:interface=127.0.0.1', '{own}']\ntls_cert: {home / 'domains'}\n"
    )
    process = watched(start_twistd("sellia-server", "--config", str(config)))
    process.wait_for_port(tls_port())
    process.port = port
    return process


class DomainTests(EndToEndTests):
    def sellia(self, *arguments: str) -> Process:
        url = f"http://127.0.0.1:{server().port}"
        argv = [sys.executable, SELLIA, *arguments, "--server", url, "--api-key", KEY]
        process = watched(Process(argv, name=f"sellia {arguments[0]}"))
        self.addCleanup(process.stop)
        return process

    def get(self, host: str, path: str = "/") -> tuple[int, str]:
        """What a visitor of a host gets."""
        connection = http.client.HTTPConnection("127.0.0.1", server().port, timeout=60)
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body

    def test_a_domain(self) -> None:
        """Refused without a record, with what to do; granted with either."""
        refused = self.sellia("http", "text:no", "--domain", "shop.example.org")
        self.assertEqual(refused.wait_for_exit(60), Exit.TAKEN)
        token = token_of("", DOMAIN, "shop.example.org")
        self.assertIn("shop.example.org CNAME tunnel.test, or", " ".join(refused.output.split()))
        self.assertIn(f"TXT {token}", " ".join(refused.output.split()))
        several = ("--domain", "www.example.org", "--domain", "*.example.org", "-s", "shop")
        port = server().port
        self.sellia("http", "text:hello", *several).wait_for_line(rf"http://\*\.example\.org:{port} ->")
        for host in (f"www.example.org:{port}", "any.thing.example.org", "shop.tunnel.test"):
            for path in ("/", "/.well-known/acme-challenge/token", "/ws"):
                self.assertEqual(self.get(host, path), (200, "hello"), (host, path))
        self.assertEqual(self.get("example.org")[0], 404)

    def test_names_below_a_name(self) -> None:
        self.sellia("http", "text:all", "-s", "myapp", "--wildcard").wait_for_line(r"http://\*\.myapp\.tunnel\.test")
        self.sellia("http", "text:own", "-s", "api.myapp").wait_for_line("open    http://api.myapp.tunnel.test")
        for host, said in (("myapp", "all"), ("a.myapp", "all"), ("a.b.myapp", "all"), ("api.myapp", "own")):
            self.assertEqual(self.get(f"{host}.{DOMAIN}"), (200, said), host)

    # --- TLS ---------------------------------------------------------------------------------------------------

    def subject(self, name: str | None) -> str:
        """The subject of the certificate that OpenSSL's client is shown at the server's TLS."""
        asked = ["-servername", name] if name is not None else ["-noservername"]
        said = run([program("openssl"), "s_client", "-connect", f"127.0.0.1:{tls_port()}", *asked], stdin=b"")
        return (
            next(line for line in said.output.decode().splitlines() if line.startswith("subject="))
            .rpartition("=")[2]
            .strip()
        )

    def test_certificates_by_name(self) -> None:
        server()
        for name, found in (
            ("www.example.org", "www.example.org"),
            ("WWW.example.org", "www.example.org"),
            ("any.example.org", "*.example.org"),
            ("a.any.example.org", DOMAIN),
            ("other.test", DOMAIN),
            (None, DOMAIN),
        ):
            self.assertEqual(self.subject(name), found, name)
        self.assertTrue(server().wait_for_line("TLS without a name, which reaches no tls tunnel: peer=127.0.0.1"))

    def test_a_domain_over_tls(self) -> None:
        """curl verifies that its certificate is that of the domain."""
        several = ("--domain", "www.example.org", "-s", "boutique")
        self.sellia("http", "text:hello", *several).wait_for_line("www.example.org")
        for host, ca in (("www.example.org", "domains/www.example.org"), (f"boutique.{DOMAIN}", DOMAIN)):
            where = ["--connect-to", f"::127.0.0.1:{tls_port()}", "--cacert", f"{folder() / ca}.pem"]
            said = run([program("curl"), "--silent", "--show-error", "--noproxy", "*", *where, f"https://{host}/"])
            self.assertEqual(said.output, b"hello", host)

    def test_tls_passed_through(self) -> None:
        """A domain of a tls tunnel: the certificate is the service's, though the server has one for its name."""
        service = listener()
        self.addCleanup(service.close)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{folder() / 'service'}.pem", f"{folder() / 'service'}.key")
        self.assertEqual(self.subject("sealed.example.org"), "*.example.org")
        client = self.sellia("tls", f"127.0.0.1:{service.getsockname()[1]}", "--domain", "sealed.example.org")
        client.wait_for_line("tls://sealed.example.org")

        def serve() -> None:
            with context.wrap_socket(accept(service), server_side=True) as connection:
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    head += connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsealed")

        serving = threading.Thread(target=serve)
        serving.start()
        where = ["--connect-to", f"::127.0.0.1:{tls_port()}", "--cacert", f"{folder() / 'service'}.pem"]
        said = run(
            [program("curl"), "--silent", "--show-error", "--noproxy", "*", *where, "https://Sealed.Example.org/"]
        )
        serving.join()
        self.assertEqual((said.output, said.errors), (b"sealed", ""))
