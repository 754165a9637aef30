"""Programs that check under which name they are asked, behind a tunnel that asks them under theirs.

Each is as it comes: nothing in it knows of the tunnel.  And what each refuses without a tunnel, a form or a WebSocket
of another site, it refuses behind one.
"""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from twisted.trial.unittest import SkipTest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from tests.e2e.case import EndToEndTests, watched
from tests.e2e.stage import NODE_PROGRAMS, Reach, node_argv, node_module, program, server, through_tunnel_only
from tests.processes import Process, free_port, start_client

DOMAIN = "sets.test"
"""Not below ``localhost``, which development servers let pass by themselves."""

READY = 60.0
"""Seconds that a program may take to start, on a machine that others use too."""


class Answer:
    """A response, whole."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read().decode("utf-8", "replace")


def ask(
    place: Reach, path: str, method: str = "GET", body: str = "", headers: Mapping[str, str] | None = None
) -> Answer:
    """Ask under the public name."""
    connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=READY)
    try:
        connection.request(method, path, body or None, {"Host": place.authority, **(headers or {})})
        return Answer(connection.getresponse())
    finally:
        connection.close()


def talk(place: Reach, path: str, origin: str, say: str = "", subprotocol: str = "") -> str:
    """Open a WebSocket, say something, and return what comes first; the status where there is none."""
    try:
        with connect(
            place.url(path, "ws"),
            origin=Origin(origin),
            subprotocols=[Subprotocol(subprotocol)] if subprotocol else None,
            sock=socket.create_connection(("127.0.0.1", place.port)),
            open_timeout=READY,
            proxy=None,
        ) as websocket:
            if say:
                websocket.send(say)
            return str(websocket.recv(timeout=READY))
    except InvalidStatus as refused:
        return str(refused.response.status_code)


def reached(port: int, name: str, *options: str) -> Reach:
    """The way to a service through a tunnel with these options."""
    ingress = server(DOMAIN)
    watched(start_client(ingress.port, port, name, *options, domain=DOMAIN))
    return Reach(ingress.port, f"{name}.{DOMAIN}")


class SetsCase(EndToEndTests):
    def setUp(self) -> None:
        through_tunnel_only()


@cache
def django() -> tuple[Reach, Reach, int]:
    """The project under its own name, under the public one, and its port."""
    if None in (find_spec("django"), find_spec("channels"), find_spec("uvicorn")):
        raise SkipTest("Django is not installed: install the extra `test`")
    port = free_port()
    service = Process([sys.executable, "-m", "tests.e2e.django_app", str(port)], name="django")
    service.wait_for_line("Uvicorn running", READY)
    return reached(port, "django", "--host-header", "local"), reached(port, "django-public"), port


class DjangoTests(SetsCase):
    def setUp(self) -> None:
        super().setUp()
        self.place, self.public, self.port = django()
        self.own = f"http://{self.place.authority}"

    def log_in(self, origin: str) -> Answer:
        page = ask(self.place, "/form")
        cookie = page.headers["Set-Cookie"].partition(";")[0]
        fields = {"Cookie": cookie, "Origin": origin, "Content-Type": "application/x-www-form-urlencoded"}
        return ask(self.place, "/form", "POST", f"name=ada&csrfmiddlewaretoken={page.body}", fields)

    def test_it_refuses_the_public_name(self) -> None:
        """Or this proves nothing."""
        self.assertEqual(ask(self.public, "/hello").status, 400)

    def test_a_page(self) -> None:
        answer = ask(self.place, "/hello", headers={"Origin": self.own, "Referer": f"{self.own}/form"})
        seen = json.loads(answer.body)
        local = f"127.0.0.1:{self.port}"
        self.assertEqual(seen["HTTP_HOST"], local)
        self.assertEqual((seen["HTTP_ORIGIN"], seen["HTTP_REFERER"]), (f"http://{local}", f"http://{local}/form"))
        self.assertEqual((seen["HTTP_X_FORWARDED_HOST"], seen["HTTP_X_FORWARDED_PROTO"]), (None, None))
        self.assertEqual(answer.headers["Access-Control-Allow-Origin"], self.own)

    def test_a_form_and_a_login(self) -> None:
        posted = self.log_in(self.own)
        self.assertEqual((posted.status, posted.headers["Location"]), (302, f"{self.own}/hello"))
        cookies = [each.partition(";")[0] for each in posted.headers.get_all("Set-Cookie", [])]
        answer = ask(self.place, "/hello", headers={"Cookie": "; ".join(cookies)})
        self.assertEqual(json.loads(answer.body)["name"], "ada")

    def test_a_form_of_another_site(self) -> None:
        sibling, secure = f"http://evil.{DOMAIN}:{self.place.port}", f"https://{self.place.authority}"
        for origin in ("https://evil.example", sibling, secure):
            self.assertEqual(self.log_in(origin).status, 403, origin)

    def test_a_form_of_a_page_on_the_visitors_machine(self) -> None:
        """Its origin looks like the service's own, and is not."""
        same, other = f"http://127.0.0.1:{self.port}", f"http://localhost:{self.port}"
        for origin in (same, other, "http://127.0.0.1:3000", "null"):
            self.assertEqual(self.log_in(origin).status, 403, origin)

    def test_a_websocket(self) -> None:
        self.assertEqual(talk(self.place, "/ws", self.own, "hello"), "hello")

    def test_a_websocket_of_another_site(self) -> None:
        for origin in ("https://evil.example", "http://127.0.0.1:3000", f"http://127.0.0.1:{self.port}"):
            self.assertEqual(talk(self.place, "/ws", origin, "hello"), "403", origin)


@cache
def project(application: str) -> tuple[str, Path]:
    """A project of one of the development servers, in a directory of its own."""
    directory = Path(tempfile.mkdtemp()).resolve() / "project"
    shutil.copytree(NODE_PROGRAMS / application, directory)
    return application, directory


def started(argv: list[str], application: str, ready: str) -> None:
    """Start a development server."""
    _, directory = project(application)
    service = Process(argv, name=application, cwd=directory, env={"ALLOWED_HOSTS": "", "NO_COLOR": "1"})
    service.wait_for_line(ready, READY)


@cache
def webpack() -> tuple[Reach, Reach, int]:
    node_module("webpack-dev-server/package.json")
    port = free_port()
    argv = node_argv(node_module("webpack-cli/bin/cli.js"), "serve", "--port", str(port))
    started(argv, "webpack-app", r"compiled .*successfully")
    return reached(port, "webpack", "--host-header", "local"), reached(port, "webpack-public"), port


class WebpackTests(SetsCase):
    """webpack-dev-server compares Host, Origin and both with each other, and refuses a WebSocket that is open."""

    def setUp(self) -> None:
        super().setUp()
        self.place, self.public, self.port = webpack()

    def test_it_refuses_the_public_name(self) -> None:
        self.assertEqual(ask(self.public, "/").status, 403)

    def test_a_page_and_its_socket(self) -> None:
        self.assertEqual(ask(self.place, "/").status, 200)
        self.assertNotIn("Invalid", talk(self.place, "/ws", f"http://{self.place.authority}"))

    def test_a_socket_of_another_site(self) -> None:
        for origin in ("https://evil.example", "http://127.0.0.2:3000"):
            self.assertIn("Invalid Host/Origin header", talk(self.place, "/ws", origin), origin)
        refused = talk(self.place, "/ws", f"http://127.0.0.1:{self.port}")
        self.assertIn("Invalid Host/Origin header", refused, "a page on the visitor's machine")


@cache
def vite() -> tuple[Reach, Reach, int]:
    port = free_port()
    options = ["--host", "127.0.0.1", "--port", str(port), "--strictPort"]
    started(node_argv(node_module("vite/bin/vite.js"), *options), "vite-app", "Local:")
    return reached(port, "vite", "--host-header", "local"), reached(port, "vite-public"), port


class ViteTests(SetsCase):
    def setUp(self) -> None:
        super().setUp()
        self.place, self.public, self.port = vite()

    def test_it_refuses_the_public_name(self) -> None:
        self.assertEqual(ask(self.public, "/").status, 403)

    def test_a_page_and_its_socket(self) -> None:
        self.assertEqual(ask(self.place, "/").status, 200)
        found = re.search(r'wsToken = "([^"]+)"', ask(self.place, "/@vite/client").body)
        assert found is not None
        path = f"/?token={found[1]}"
        said = talk(self.place, path, f"http://{self.place.authority}", subprotocol="vite-hmr")
        self.assertIn("connected", said)


@cache
def php() -> Reach:
    directory = Path(tempfile.mkdtemp())
    (directory / "index.php").write_text(
        "<?php\n"
        "if ($_SERVER['HTTP_HOST'] !== 'shop.test') {\n"
        "    header('Location: http://shop.test' . $_SERVER['REQUEST_URI'], true, 301);\n"
        "    exit;\n"
        "}\n"
        "setcookie('seen', 'yes', ['domain' => 'shop.test', 'path' => '/']);\n"
        "if ($_SERVER['REQUEST_URI'] === '/wp-admin') {\n"
        "    header('Location: http://shop.test/wp-login.php?to=1');\n"
        "    exit;\n"
        "}\n"
        "echo 'shop at ', $_SERVER['HTTP_HOST'], $_SERVER['REQUEST_URI'];\n"
    )
    port = free_port()
    argv = [program("php"), "-S", f"127.0.0.1:{port}", "-t", str(directory), str(directory / "index.php")]
    Process(argv, name="php").wait_for_line("started", READY)
    return reached(port, "shop", "--host-header", "shop.test")


class PhpTests(SetsCase):
    """A shop as WordPress makes one: it knows one host, and sends everybody there."""

    def test_it_is_asked_under_its_host(self) -> None:
        answer = ask(php(), "/a?b")
        self.assertEqual((answer.status, answer.body), (200, "shop at shop.test/a?b"))
        self.assertIn(f"domain={php().name}".lower(), answer.headers["Set-Cookie"].lower())

    def test_its_redirects_lead_back_here(self) -> None:
        answer = ask(php(), "/wp-admin")
        self.assertEqual(answer.headers["Location"], f"http://{php().authority}/wp-login.php?to=1")


@cache
def two_ports() -> Reach:
    """A Django project and the development server of its scripts under one name."""
    _, _, pages = django()
    _, _, scripts = webpack()
    ingress = server(DOMAIN)
    argv = [str(Path(sysconfig.get_path("scripts")) / "sellia"), "http", "-s", "two-ports", "--host-header", "local"]
    argv += [f"/=127.0.0.1:{pages}", f"/main.js=127.0.0.1:{scripts}", f"/ws=127.0.0.1:{scripts}"]
    argv += ["--server", f"http://127.0.0.1:{ingress.port}"]
    watched(Process(argv, name="sellia http")).wait_for_line("two-ports")
    return Reach(ingress.port, f"two-ports.{DOMAIN}")


class TwoPortTests(SetsCase):
    def test_each_gets_its_own(self) -> None:
        place = two_ports()
        own = f"http://{place.authority}"
        self.assertEqual(json.loads(ask(place, "/hello", headers={"Origin": own}).body)["name"], None)
        self.assertIn("webpack", ask(place, "/main.js").body)
        self.assertNotIn("Invalid", talk(place, "/ws", own))
        self.assertIn("Invalid Host/Origin header", talk(place, "/ws", "https://evil.example"))
