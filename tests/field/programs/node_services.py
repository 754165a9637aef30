"""Services on Node: ws, Fastify, y-websocket's Yjs rooms, GraphQL, Node-RED, Verdaccio and others."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.e2e.stage import NODE_PROGRAMS
from tests.field.contract import contract
from tests.field.install import Npm
from tests.field.program import Kit, Outcome, Program, Way, outcome_of
from tests.field.visitor import DEADLINE, ask, digest, websocket

GZIP = bytes([0x1F, 0x8B])
TRIED = "requests, an upload, a stream, a WebSocket, close codes both ways"


def serve_ws(kit: Kit) -> int:
    """The plain one, over the ``ws`` that the end-to-end tests have."""
    port = kit.free_port()
    environment = {"NODE_PATH": str(NODE_PROGRAMS / "node_modules")}
    kit.node("ws_server.js", str(port), port=port, env=environment)
    return port


def serving(script: str) -> Callable[[Kit], int]:
    """Serve a script of ours."""

    def serve(kit: Kit) -> int:
        port = kit.free_port()
        kit.node(script, str(port), port=port)
        return port

    return serve


WS = Program("node-ws", "Node and ws", TRIED, serve_ws, contract, needs=Npm("ws@8"))
FASTIFY = Program(
    "fastify", "Fastify", TRIED, serving("fastify_server.js"), contract, needs=Npm("fastify@5", "@fastify/websocket@11")
)


def visiting(script: str, line: str, *paths: str) -> Callable[[Way], Outcome]:
    """A visit by a script of ours, whose last line is the outcome; the link is cut once it has written ``line``."""

    def visit(way: Way) -> Outcome:
        return outcome_of(way.node(script, way.url(""), *paths, line=line))

    return visit


YJS = Program(
    "hocuspocus",
    "Hocuspocus (Yjs)",
    "two editors of one document, the link cut between their changes",
    serving("hocuspocus_server.mjs"),
    visiting("hocuspocus_visitor.mjs", "synced"),
    needs=Npm("@hocuspocus/server@3", "@hocuspocus/provider@3", "yjs@13", "ws@8"),
)
GRAPHQL = Program(
    "graphql",
    "GraphQL Yoga and graphql-ws",
    "a query, a subscription by server-sent events and one by WebSocket, the link cut between two events",
    serving("graphql_server.mjs"),
    visiting("graphql_visitor.mjs", "first"),
    needs=Npm("graphql-yoga@5", "graphql-ws@6", "graphql@16", "ws@8"),
)


def serve_node_red(kit: Kit) -> int:
    port = kit.free_port()
    settings = kit.work / "settings.js"
    settings.write_text("module.exports = { uiHost: '127.0.0.1', logging: { console: { level: 'warn' } } };\n")
    options = ["--port", str(port), "--userDir", kit.work, "--settings", settings]
    kit.start("node", kit.folder / "node_modules/node-red/red.js", *options, port=port)
    return port


def visit_node_red(way: Way) -> Outcome:
    """The editor's WebSocket tells of a deployment made by a request."""
    page = ask(way, "/")
    flow = [{"id": "t1", "type": "tab", "label": "field"}]
    headers = {"Content-Type": "application/json", "Node-RED-Deployment-Type": "full"}
    with websocket(way, "/comms", origin=way.url("")) as socket:
        socket.send(json.dumps({"subscribe": "notification/#"}))
        way.cut()
        deployed = ask(way, "/flows", "POST", json.dumps(flow).encode(), headers=headers)
        topics: set[str] = set()
        while "notification/runtime-deploy" not in topics:
            messages = json.loads(socket.recv(timeout=DEADLINE))
            topics |= {str(message.get("topic")) for message in messages if isinstance(message, dict)}
    return {
        "page": page.status,
        "deployed": deployed.status,
        "told by WebSocket": "notification/runtime-deploy" in topics,
    }


NODE_RED = Program(
    "node-red",
    "Node-RED",
    "its editor, a deployment told of by its WebSocket, the link cut before",
    serve_node_red,
    visit_node_red,
    needs=Npm("node-red@4"),
)


def serve_verdaccio(kit: Kit) -> int:
    port = kit.free_port()
    config = kit.work / "config.yaml"
    config.write_text(
        f"storage: {kit.work}/storage\nauth:\n  htpasswd:\n    file: {kit.work}/htpasswd\n"
        "packages:\n  '**':\n    access: $all\n    publish: $all\n"
        "max_body_size: 50mb\nlog: {type: stdout, level: warn}\n"
    )
    kit.start(kit.bin("verdaccio"), "--config", config, "--listen", f"127.0.0.1:{port}", port=port)
    return port


def visit_verdaccio(way: Way) -> Outcome:
    """npm's own client publishes a package and fetches it."""
    folder = way.kit.work / f"package-{way.port}-{way.proxy is not None}"
    folder.mkdir()
    version = f"1.0.{len(list(way.kit.work.glob('package-*')))}"
    (folder / "package.json").write_text(json.dumps({"name": "field-package", "version": version}))
    (folder / "data.bin").write_bytes(bytes(range(256)) * 8000)
    registry = f"--registry={way.url('/')}"
    host = f"//{way.authority}/:_authToken=none\nfetch-retries=0\n"
    (folder / ".npmrc").write_text(host)
    environment = {"npm_config_userconfig": str(folder / ".npmrc"), "HOME": str(way.kit.work)}
    with way.cutting(0.4):
        way.run("npm", "publish", registry, str(folder), env=environment)
        said = way.run("npm", "view", "field-package", registry, "versions", "--json", env=environment)
    found = json.loads(ask(way, "/field-package").body)["versions"][version]["dist"]["tarball"]
    tarball = ask(way, "/" + found.partition("//")[2].partition("/")[2], during=way.cut)
    return {
        "published": version in said,
        "tarball at": found.partition("//")[2].partition("/")[0].partition(":")[0],
        "tarball": f"{tarball.status} {'a gzip file' if tarball.body.startswith(GZIP) else digest(tarball.body)}",
    }


VERDACCIO = Program(
    "verdaccio",
    "Verdaccio",
    "npm publishes a package of 2 MB, looks it up and fetches it, link cuts all the while",
    serve_verdaccio,
    visit_verdaccio,
    needs=Npm("verdaccio@6.8.0", **{"node-fetch": "2.7.0"}),
    notes="names the public URL in its answers, from X-Forwarded-Proto and Host",
)


def serve_json_server(kit: Kit) -> int:
    port = kit.free_port()
    (kit.work / "db.json").write_text('{"posts": [{"id": 1, "title": "one"}]}')
    kit.start(kit.bin("json-server"), "--host", "127.0.0.1", "--port", str(port), kit.work / "db.json", port=port)
    return port


def visit_json_server(way: Way) -> Outcome:
    headers = {"Content-Type": "application/json"}
    made = ask(way, "/posts", "POST", b'{"title": "two"}', headers=headers)
    way.cut()
    number = json.loads(made.body)["id"]
    changed = ask(way, f"/posts/{number}", "PATCH", b'{"title": "three"}', headers=headers)
    cached = ask(way, "/posts/1")
    again = ask(way, "/posts/1", headers={"If-None-Match": cached.headers["etag"]})
    gone = ask(way, f"/posts/{number}", "DELETE")
    location = made.headers.get("location", "").replace(way.authority, "HOST")
    statuses = [answer.status for answer in (made, changed, cached, again, gone)]
    return {"statuses": statuses, "Location": location.rpartition("/")[0]}


JSON_SERVER = Program(
    "json-server",
    "json-server",
    "POST, PATCH, GET, a conditional GET, DELETE; the Location that it makes",
    serve_json_server,
    visit_json_server,
    needs=Npm("json-server@0.17.4"),
)
