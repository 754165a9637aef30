"""Streamlit, Gradio, Django with Channels, and what Home Assistant says to a proxy that it does not know."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.field.contract import contract
from tests.field.install import Pip
from tests.field.program import Kit, Outcome, Program, Way, outcome_of
from tests.field.visitor import ask, websocket


def serve_streamlit(kit: Kit) -> int:
    port = kit.free_port()
    options = ["--server.port", str(port), "--server.address", "127.0.0.1", "--server.headless", "true"]
    options += ["--browser.gatherUsageStats", "false", "--server.fileWatcherType", "none"]
    kit.start(kit.python, "-m", "streamlit", "run", kit.app("streamlit_app.py"), *options, port=port)
    return port


def visit_streamlit(way: Way) -> Outcome:
    """Its WebSocket carries protobuf; the visitor's program takes the messages apart with Streamlit's own classes."""
    page = ask(way, "/")
    health = ask(way, "/_stcore/health")
    script = way.kit.app("streamlit_visitor.py")
    output = way.run(way.kit.python, script, way.url("/_stcore/stream", "ws"), way.url(""), line="connected")
    return {"page": page.status, "health": health.text, **outcome_of(output)}


STREAMLIT = Program(
    "streamlit",
    "Streamlit",
    "its page, and its WebSocket with a table of 16 MB",
    serve_streamlit,
    visit_streamlit,
    needs=Pip("streamlit==1.67.0", "websockets"),
)


def serve_gradio(kit: Kit) -> int:
    port = kit.free_port()
    environment = {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_SSR_MODE": "False"}
    kit.start(kit.python, kit.app("gradio_app.py"), str(port), port=port, env=environment)
    return port


def visit_gradio(way: Way) -> Outcome:
    """A call of a function that yields: a POST, then server-sent events."""
    page = ask(way, "/")
    wish = json.dumps({"data": ["word"]}).encode()
    called = ask(way, "/gradio_api/call/count", "POST", wish, headers={"Content-Type": "application/json"})
    event = json.loads(called.body)["event_id"]
    answer = ask(way, f"/gradio_api/call/count/{event}", during=way.cut)
    words = re.findall(r'data: \["(word \d)"\]', answer.text)
    root = re.search(r'"root": ?"([^"]*)"', page.text)
    return {
        "page": page.status,
        "root": (root[1] if root else "none").replace(str(way.port), "PORT"),
        "call": called.status,
        "events": words,
    }


GRADIO = Program(
    "gradio",
    "Gradio",
    "its page, a call whose results come as server-sent events",
    serve_gradio,
    visit_gradio,
    needs=Pip("gradio==6.31.0"),
)


def serve_channels(kit: Kit) -> int:
    port = kit.free_port()
    folder = Path(kit.app("channels_app.py")).parent
    kit.start(
        kit.python, "-m", "daphne", "-p", port, "-b", "127.0.0.1", "channels_app:application", port=port, cwd=folder
    )
    return port


def visit_channels(way: Way) -> Outcome:
    """The contract; a form with its CSRF token; an origin and a host that are not allowed."""
    form = ask(way, "/form")
    token = re.search(r"value='([^']+)'", form.text)
    assert token is not None, form.text
    headers = {"Cookie": form.headers["set-cookie"].partition(";")[0], "Origin": way.url("")}
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    posted = ask(way, "/form", "POST", f"csrfmiddlewaretoken={token[1]}".encode(), headers=headers)
    foreign = ask(way, "/form", "POST", b"x=1", headers={**headers, "Origin": "http://evil.example"})
    try:
        with websocket(way, "/echo", origin="http://evil.example"):
            refused = "let in"
    except Exception as error:
        refused = str(error)[-8:]
    return {**contract(way), "form": posted.status, "another origin": f"{foreign.status}, {refused}"}


CHANNELS = Program(
    "channels",
    "Django with Channels",
    "the same as for the ASGI servers, a form with its CSRF token, origins that are not allowed",
    serve_channels,
    visit_channels,
    needs=Pip("channels==4.3.2", "django==5.2.*", "daphne==4.2.3"),
    notes="needs the public host in ALLOWED_HOSTS",
)


def serve_home_assistant(kit: Kit) -> int:
    port = kit.free_port()
    kit.start(kit.python, kit.app("home_assistant.py"), str(port), "", port=port)
    return port


def visit_home_assistant(way: Way) -> Outcome:
    """Directly nobody sends X-Forwarded-For; a visitor that does shows the same refusal."""
    told = {"X-Forwarded-For": "192.0.2.1"}
    return {"refused": ask(way, "/", headers=told, during=way.cut).text}


HOME_ASSISTANT = Program(
    "home-assistant",
    "Home Assistant (its check)",
    "a request from a proxy that trusted_proxies does not name",
    serve_home_assistant,
    visit_home_assistant,
    needs=Pip("aiohttp==3.13.*"),
    notes="a stand-in with the rule of its http integration; needs use_x_forwarded_for and trusted_proxies",
)


def serve_aiohttp(kit: Kit) -> int:
    port = kit.free_port()
    kit.start(kit.python, kit.app("aiohttp_app.py"), str(port), port=port)
    return port


AIOHTTP = Program(
    "aiohttp",
    "aiohttp",
    "requests, an upload, a stream, a WebSocket, close codes both ways",
    serve_aiohttp,
    contract,
    needs=Pip("aiohttp==3.13.*"),
)


def serve_tornado(kit: Kit) -> int:
    port = kit.free_port()
    kit.start(kit.python, kit.app("tornado_app.py"), str(port), port=port)
    return port


TORNADO = Program(
    "tornado",
    "Tornado",
    "requests, an upload, a stream, a WebSocket, close codes both ways",
    serve_tornado,
    contract,
    needs=Pip("tornado==6.5.*"),
)
