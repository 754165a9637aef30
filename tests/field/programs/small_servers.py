"""Small web servers, each with ideas of its own about HTTP, and all with the same three files."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Mapping

from tests.field.install import Apt
from tests.field.program import Kit, Outcome, Program, Way
from tests.field.visitor import Answer, Browser

LARGE = bytes(range(256)) * 12_000
TRIED = "files of 3 MB and of nothing, HEAD, a range, a POST, a page that is missing, a folder without its slash"


def site(kit: Kit) -> str:
    """A folder with the files."""
    folder = kit.work / "site"
    (folder / "folder").mkdir(parents=True)
    (folder / "index.html").write_text("<p>hello</p>\n")
    (folder / "folder" / "index.html").write_text("<p>a folder</p>\n")
    (folder / "large.bin").write_bytes(LARGE)
    (folder / "empty.txt").write_text("")
    for path in (folder, folder / "folder"):
        path.chmod(0o755)
    return str(folder)


def serving(*words: str) -> Callable[[Kit], int]:
    """Serve the files with a command line in which ``PORT``, ``SITE`` and ``WORK`` stand for what they say."""

    def serve(kit: Kit) -> int:
        port = kit.free_port()
        places = {"PORT": str(port), "SITE": site(kit), "WORK": str(kit.work)}
        argv = []
        for word in words:
            for name, value in places.items():
                word = word.replace(name, value)
            argv.append(word)
        kit.start(kit.bin(argv[0]), *argv[1:], port=port, cwd=kit.work / "site")
        return port

    return serve


def told(answer: Answer | str) -> str:
    """An answer in a few words."""
    if isinstance(answer, str):
        return answer
    body = answer.digest if len(answer.body) > 2000 else f"{len(answer.body)} bytes"
    return f"{answer.status} {body}"


def visit(way: Way) -> Outcome:
    """Each on the same connection, or on a new one where the server closes it."""
    browser = Browser(way)

    def ask(path: str, method: str = "GET", **options: object) -> Answer | str:
        try:
            return browser.ask(path, method, **options)  # type: ignore[arg-type]
        except (http.client.HTTPException, OSError) as error:
            browser.close()
            return type(error).__name__

    large = ask("/large.bin", during=way.cut)
    whole = isinstance(large, Answer) and large.body == LARGE
    moved = ask("/folder")
    outcome = {
        "page": told(ask("/")),
        "large file": "whole" if whole else told(large),
        "empty file": told(ask("/empty.txt")),
        "HEAD": told(ask("/large.bin", "HEAD")),
        "range": told(ask("/large.bin", headers={"Range": "bytes=1000-1999"})),
        "POST": status(ask("/index.html", "POST", body=b"a=b" * 2000)),
        "missing": status(ask("/missing")),
        "folder": status(moved),
        "again": told(ask("/")),
    }
    browser.close()
    return outcome


def status(answer: Answer | str) -> str:
    """The status only: a page about an error may name the port."""
    return answer if isinstance(answer, str) else str(answer.status)


def small(name: str, title: str, package: str, line: str, better: Mapping[str, str] | None = None) -> Program:
    """One of the family, by its command line."""
    words = line.split()
    needs = Apt({words[0]: package})
    return Program(name, title, TRIED, serving(*words), visit, needs=needs, better=better or {})


CLOSES = "directly the connection ends without an answer, because webfs closed it in silence or left the body unread"
BUSYBOX = small("busybox", "BusyBox httpd", "busybox", "busybox httpd -f -p 127.0.0.1:PORT -h SITE")
WEBFS = small(
    "webfs",
    "webfs",
    "webfs",
    "webfsd -F -i 127.0.0.1 -p PORT -r SITE -f index.html",
    {"HEAD": CLOSES, "POST": CLOSES},
)
MINI_HTTPD = small(
    "mini-httpd", "mini-httpd", "mini-httpd", "mini_httpd -D -h 127.0.0.1 -p PORT -d SITE -u nobody -i WORK/pid"
)
PHP = small("php", "PHP's own server", "php8.2-cli", "php8.2 -S 127.0.0.1:PORT -t SITE")
RUBY = small("webrick", "WEBrick", "ruby ruby-webrick", "ruby -run -e httpd SITE --port=PORT --bind-address=127.0.0.1")
CIVETWEB = small("civetweb", "CivetWeb", "civetweb", "civetweb -listening_ports 127.0.0.1:PORT -document_root SITE")
WEBORF = small("weborf", "weborf", "weborf", "weborf -p PORT -i 127.0.0.1 -b SITE -I index.html", {"HEAD": CLOSES})


def serve_lighttpd(kit: Kit) -> int:
    port = kit.free_port()
    config = kit.work / "lighttpd.conf"
    config.write_text(
        f'server.document-root = "{site(kit)}"\nserver.bind = "127.0.0.1"\nserver.port = {port}\n'
        'index-file.names = ("index.html")\nserver.errorlog = "/dev/stderr"\n'
    )
    kit.start(kit.bin("lighttpd"), "-D", "-f", config, port=port)
    return port


LIGHTTPD = Program("lighttpd", "lighttpd", TRIED, serve_lighttpd, visit, needs=Apt({"lighttpd": "lighttpd"}))


def serve_h2o(kit: Kit) -> int:
    port = kit.free_port()
    config = kit.work / "h2o.yaml"
    config.write_text(
        f"user: root\nlisten: {{host: 127.0.0.1, port: {port}}}\n"
        f"hosts:\n  default:\n    paths:\n      /:\n        file.dir: {site(kit)}\n"
    )
    kit.start(kit.bin("h2o"), "-c", config, port=port)
    return port


H2O = Program("h2o", "H2O", TRIED, serve_h2o, visit, needs=Apt({"h2o": "h2o"}))


def serve_socat(kit: Kit) -> int:
    """What people write in a shell: no length, lines that end with a bare LF, and the connection closed."""
    port = kit.free_port()
    script = kit.work / "answer.sh"
    script.write_text(
        "#!/bin/sh\nread line\nprintf 'HTTP/1.0 200 OK\\nX-From: shell\\n\\nhello\\n'\nsleep 0.3\necho and on\n"
    )
    script.chmod(0o755)
    kit.start(kit.bin("socat"), f"TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr", f"EXEC:{script}", port=port)
    return port


def visit_socat(way: Way) -> Outcome:
    browser = Browser(way)
    answer = browser.ask("/", during=way.cut)
    browser.close()
    return {"answer": f"{answer.status} {answer.headers.get('x-from')} {' '.join(answer.text.split())}"}


SOCAT = Program(
    "socat",
    "A shell script behind socat",
    "an answer without a length whose lines end with a bare LF",
    serve_socat,
    visit_socat,
    needs=Apt({"socat": "socat"}),
)
