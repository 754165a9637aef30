"""Domains of owners' own and names below names, over processes, with records that dnsmasq has."""

import http.client
import sys
import sysconfig
import tempfile
from functools import cache
from pathlib import Path

from sellia.cli.exits import Exit
from sellia.relay.http.domains import token_of
from tests.e2e.case import EndToEndTests, watched
from tests.e2e.stage import program
from tests.e2e.tcp_services import Service
from tests.processes import Process, start_server

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
    )
    return service


@cache
def server() -> Process:
    """A server that asks that DNS."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
        config.write(f"master_key: {KEY}\ndns_server: 127.0.0.1:{names().port}\n")
        config.flush()
        return watched(start_server("--config", config.name, domain=DOMAIN))


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
