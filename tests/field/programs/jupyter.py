"""JupyterLab: a kernel's WebSocket, and 20 MB of output over it."""

from __future__ import annotations

import json
import uuid

from tests.field.install import Pip
from tests.field.program import Kit, Outcome, Program, Way
from tests.field.visitor import DEADLINE, ask, websocket

TOKEN = "0123456789abcdef"
CODE = "for i in range(20): print(str(i % 10) * 1_000_000)"


def serve(kit: Kit) -> int:
    port = kit.free_port()
    options = ["--no-browser", "--allow-root", f"--port={port}", "--ip=127.0.0.1", f"--IdentityProvider.token={TOKEN}"]
    options += ["--ServerApp.allow_remote_access=True", "--ServerApp.iopub_data_rate_limit=1e12"]
    options += ["--ZMQChannelsWebsocketConnection.iopub_data_rate_limit=1e12"]
    kit.start(kit.python, "-m", "jupyterlab", *options, port=port)
    return port


def visit(way: Way) -> Outcome:
    headers = {"Authorization": f"token {TOKEN}"}
    page = ask(way, "/lab", headers=headers)
    started = ask(way, "/api/kernels", "POST", b"{}", headers=headers)
    kernel = json.loads(started.body)["id"]
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": "execute_request",
        "username": "",
        "session": "s",
        "version": "5.3",
    }
    content = {"code": CODE, "silent": False, "store_history": False, "allow_stdin": False, "user_expressions": {}}
    wish = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    printed, status = 0, ""
    path = f"/api/kernels/{kernel}/channels"
    with websocket(way, path, headers=headers, origin=way.url("")) as socket:
        socket.send(json.dumps(wish))
        while status != "idle" or not printed:
            message = json.loads(socket.recv(timeout=DEADLINE))
            if message["parent_header"].get("msg_id") != header["msg_id"]:
                continue
            if message["msg_type"] == "stream":
                if not printed:
                    way.cut()
                printed += len(message["content"]["text"])
            elif message["msg_type"] == "status":
                status = message["content"]["execution_state"]
    ask(way, f"/api/kernels/{kernel}", "DELETE", headers=headers)
    return {"page": page.status, "kernel": started.status, "output": f"{printed} characters"}


PROGRAM = Program(
    "jupyterlab",
    "JupyterLab",
    "its page, a kernel, 20 MB of output over the kernel's WebSocket",
    serve,
    visit,
    needs=Pip("jupyterlab==4.6.6", "ipykernel"),
    notes="needs ServerApp.allow_remote_access for a public host",
)
