"""More programs on Node: Redis Commander and the server of PeerJS."""

from __future__ import annotations

import json
import re

from tests.field.install import Apt, Npm, Several
from tests.field.program import Kit, Outcome, Program, Way
from tests.field.visitor import DEADLINE, ask, websocket


def serve_redis_commander(kit: Kit) -> int:
    port, redis = kit.free_port(), kit.free_port()
    kit.start(kit.bin("redis-server"), "--port", redis, "--bind", "127.0.0.1", "--save", "", port=redis)
    options = ["--redis-host", "127.0.0.1", "--redis-port", str(redis), "--address", "127.0.0.1", "--port", str(port)]
    kit.start(kit.bin("redis-commander"), *options, "--no-save", port=port)
    return port


def visit_redis_commander(way: Way) -> Outcome:
    page = ask(way, "/")
    paths = re.findall(r'(?:src|href)="([\w./-]+\.(?:js|css))"', page.text)[:8]
    fetched = [ask(way, f"/{path}", during=way.cut if number == 2 else None) for number, path in enumerate(paths)]
    connections = ask(way, "/connections")
    return {
        "page": page.status,
        "what it needs": [answer.status for answer in fetched],
        "connections": f"{connections.status} {len(json.loads(connections.body)['connections'])}",
    }


REDIS_COMMANDER = Program(
    "redis-commander",
    "Redis Commander",
    "its page and what it needs, its list of connections",
    serve_redis_commander,
    visit_redis_commander,
    needs=Several(Apt({"redis-server": "redis-server"}), Npm("redis-commander@0.9.0")),
)


def serve_peerjs(kit: Kit) -> int:
    port = kit.free_port()
    kit.start(kit.bin("peerjs"), "--port", str(port), "--host", "127.0.0.1", "--path", "/", port=port)
    return port


def visit_peerjs(way: Way) -> Outcome:
    """Two peers exchange an offer; a third asks with a token that is taken."""
    query = "/peerjs?key=peerjs&id={}&token={}&version=1.5.5"
    with (
        websocket(way, query.format("one", "t1")) as one,
        websocket(way, query.format("two", "t2")) as two,
    ):
        opened = [json.loads(socket.recv(timeout=DEADLINE))["type"] for socket in (one, two)]
        way.cut()
        one.send(json.dumps({"type": "OFFER", "dst": "two", "payload": {"sdp": "s" * 20_000}}))
        offer = json.loads(two.recv(timeout=DEADLINE))
        with websocket(way, query.format("one", "other")) as third:
            taken = json.loads(third.recv(timeout=DEADLINE))["type"]
    return {"opened": opened, "offer": f"{offer['type']} {len(offer['payload']['sdp'])}", "a taken name": taken}


PEERJS = Program(
    "peerjs",
    "PeerJS server",
    "two peers exchange an offer over its WebSockets, the link cut before",
    serve_peerjs,
    visit_peerjs,
    needs=Npm("peer@1.0.2"),
)
