"""Protocols over HTTP: git's, resumable uploads (tus), MCP, Chromium's DevTools, SockJS."""

from __future__ import annotations

import base64
import json
import os
import urllib.request

from tests.field.install import Apt, Npm, Pip
from tests.field.program import Kit, Outcome, Program, Way, outcome_of
from tests.field.visitor import DEADLINE, ask, websocket

GIT = """
ServerRoot /usr/lib/apache2
PidFile {work}/pid
ServerName localhost
Listen 127.0.0.1:{port}
LoadModule mpm_event_module modules/mod_mpm_event.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule alias_module modules/mod_alias.so
LoadModule env_module modules/mod_env.so
LoadModule cgid_module modules/mod_cgid.so
User root
ScriptSock {work}/cgid
ErrorLog /dev/stderr
SetEnv GIT_PROJECT_ROOT {work}/repositories
SetEnv GIT_HTTP_EXPORT_ALL
SetEnv REMOTE_USER field
ScriptAlias / /usr/lib/git-core/git-http-backend/
<Directory /usr/lib/git-core>
    Require all granted
</Directory>
"""


def serve_git(kit: Kit) -> int:
    port = kit.free_port()
    kit.work.chmod(0o777)
    (kit.work / "git.conf").write_text(GIT.format(work=kit.work, port=port).replace("User root\n", "User www-data\n"))
    kit.start("git", "init", "--bare", "-q", kit.work / "repositories" / "field.git").wait_for_exit()
    for folder, _, files in os.walk(kit.work / "repositories"):
        os.chmod(folder, 0o777)
        for name in files:
            os.chmod(os.path.join(folder, name), 0o666)
    kit.start(kit.bin("apache2"), "-X", "-f", kit.work / "git.conf", port=port)
    return port


def visit_git(way: Way) -> Outcome:
    """A push of 8 MB (its body chunked), and a clone of it, over the address 127.0.0.1 with the public Host."""
    number = len(list(way.kit.work.glob("clone-*")))
    source, clone = way.kit.work / f"source-{number}", way.kit.work / f"clone-{number}"
    script = (
        'git init -q "$1" && cd "$1" && head -c 8000000 /dev/urandom > data && git add data && '
        "git -c user.name=f -c user.email=f@example.com commit -qm one && "
        'git -c "http.extraHeader=Host: $4" push -q -f "$3" HEAD:refs/heads/main && '
        'git -c "http.extraHeader=Host: $4" clone -q -b main "$3" "$2" && cmp data "$2/data" && echo whole'
    )
    url = f"http://127.0.0.1:{way.port}/field.git"
    environment = {"HOME": str(way.kit.work), "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1"}
    safe = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
    with way.cutting(0.3):
        output = way.run("sh", "-c", script, "sh", source, clone, url, way.authority, env={**environment, **safe})
    return {"pushed and cloned": output.strip().splitlines()[-1]}


GIT_HTTP = Program(
    "git",
    "git over HTTP",
    "a push of 8 MB and a clone of it, link cuts all the while",
    serve_git,
    visit_git,
    needs=Apt({"git": "git", "apache2": "apache2-bin"}),
)


def serve_tus(kit: Kit) -> int:
    port = kit.free_port()
    kit.node("tus_server.mjs", str(port), kit.work / "uploads", port=port)
    return port


def visit_tus(way: Way) -> Outcome:
    with way.cutting(0.4):
        return outcome_of(way.node("tus_visitor.mjs", way.url("/files")))


TUS = Program(
    "tus",
    "tus resumable uploads",
    "16 MB in pieces of 2 MB, none of which may be sent twice, link cuts all the while",
    serve_tus,
    visit_tus,
    needs=Npm("@tus/server@2", "@tus/file-store@2", "tus-js-client@4"),
    notes="its Location is made from Host and, where trusted, X-Forwarded-Proto",
)


def serve_mcp(kit: Kit) -> int:
    port = kit.free_port()
    kit.start(kit.python, kit.app("mcp_server.py"), str(port), kit.host, port=port)
    return port


def visit_mcp(way: Way) -> Outcome:
    """The library's own client calls a tool that reports its progress; a host that is not allowed is told 421."""
    output = way.run(way.kit.python, way.kit.app("mcp_visitor.py"), way.url("/mcp"), line="working")
    other = ask(
        way, "/mcp", "POST", b"{}", headers={"Content-Type": "application/json", "Origin": "http://evil.example"}
    )
    return {**outcome_of(output), "another origin": other.status}


MCP = Program(
    "mcp",
    "Model Context Protocol (Python)",
    "a tool called over streamable HTTP, with progress, the link cut during the call; another origin",
    serve_mcp,
    visit_mcp,
    needs=Pip("mcp==1.20.0", "pydantic<2.12"),
    notes="needs allowed_hosts and allowed_origins of its TransportSecuritySettings",
)


def serve_devtools(kit: Kit) -> int:
    port = kit.free_port()
    options = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        f"--user-data-dir={kit.work}/chromium",
    ]
    options += [f"--remote-debugging-port={port}", "--remote-allow-origins=*", "about:blank"]
    kit.start(kit.bin("chromium"), *options, port=port)
    return port


def visit_devtools(way: Way) -> Outcome:
    """The check of the host, and a screenshot of many megabytes over the browser's WebSocket."""
    refused = ask(way, "/json/version", during=way.cut)
    with urllib.request.urlopen(f"http://127.0.0.1:{way.kit.service_port}/json/version") as answer:
        path = json.loads(answer.read())["webSocketDebuggerUrl"]
    path = "/" + path.partition("//")[2].partition("/")[2]
    try:
        with websocket(way, path) as socket:
            socket.send(json.dumps({"id": 1, "method": "Browser.getVersion"}))
            way.cut()
            said = json.loads(socket.recv(timeout=DEADLINE))["result"]["product"].partition("/")[0]
    except Exception as error:
        said = str(error)[-60:]
    return {"host check": f"{refused.status} {refused.text.strip()[:60]}", "WebSocket": said}


DEVTOOLS = Program(
    "devtools",
    "Chromium DevTools",
    "its check of the host, its WebSocket, the link cut in between",
    serve_devtools,
    visit_devtools,
    needs=Apt({"chromium": "chromium"}),
    notes="takes only localhost and addresses as Host",
)


def serve_sockjs(kit: Kit) -> int:
    port = kit.free_port()
    kit.node("sockjs_server.js", str(port), port=port)
    return port


def visit_sockjs(way: Way) -> Outcome:
    outcome: Outcome = {}
    for transport in ("websocket", "xhr-streaming", "xhr-polling"):
        outcome[transport] = outcome_of(way.node("sockjs_visitor.js", way.url("/echo"), transport, line="open"))["said"]
    return outcome


SOCKJS = Program(
    "sockjs",
    "SockJS",
    "echoes by WebSocket, by streaming and by polling, the link cut before each",
    serve_sockjs,
    visit_sockjs,
    needs=Npm("sockjs@0.3.24", "sockjs-client@1.6.1"),
)


def serve_transmission(kit: Kit) -> int:
    port = kit.free_port()
    options = ["-f", "-g", kit.work / "config", "-p", port, "-r", "127.0.0.1", "-t", "-u", "user", "-v", "secret"]
    options += ["-a", "*.*.*.*", "--no-portmap", "--no-dht", "--no-lpd", "-P", kit.free_port(), "-i", "127.0.0.1"]
    environment = {"TRANSMISSION_WEB_HOME": "/usr/share/transmission/web"}
    (kit.work / "config").mkdir()
    (kit.work / "config" / "settings.json").write_text('{"rpc-host-whitelist-enabled": false}')
    kit.start(kit.bin("transmission-daemon"), *options, port=port, env=environment)
    return port


def visit_transmission(way: Way) -> Outcome:
    """Its RPC answers 409 with a token first; its page is behind a login."""
    login = {"Authorization": "Basic " + base64.b64encode(b"user:secret").decode()}
    stranger = ask(way, "/transmission/rpc", "POST", b"{}")
    first = ask(way, "/transmission/rpc", "POST", b"{}", headers=login)
    way.cut()
    token = {"X-Transmission-Session-Id": first.headers["x-transmission-session-id"]}
    wish = b'{"method": "session-get"}'
    second = ask(way, "/transmission/rpc", "POST", wish, headers={**login, **token})
    page = ask(way, "/transmission/web/", headers={**login, "Accept-Encoding": "gzip"}, during=way.cut)
    return {
        "stranger": stranger.status,
        "token": first.status,
        "call": f"{second.status} {json.loads(second.body)['result']}",
        "page": f"{page.status} {page.headers.get('content-encoding')}",
    }


TRANSMISSION = Program(
    "transmission",
    "Transmission",
    "its RPC, which wants a login and a token, and its page",
    serve_transmission,
    visit_transmission,
    needs=Apt({"transmission-daemon": "transmission-daemon"}),
    notes="needs rpc-host-whitelist",
)
