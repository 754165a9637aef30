"""express-ntlm: a login that belongs to a connection must not reach another visitor."""

from __future__ import annotations

import base64
import struct

from tests.field.install import Npm
from tests.field.program import Kit, Outcome, Program, Way
from tests.field.visitor import Browser

NEGOTIATE = base64.b64encode(b"NTLMSSP\0" + struct.pack("<II", 1, 0x00088207) + bytes(16)).decode()


def authenticate(user: str) -> str:
    """The third message of a login as ``user``; without a domain controller the service believes it."""
    name, domain, machine = (word.encode("utf-16-le") for word in (user, "FIELD", "PC"))
    start, fields, payload = 64, b"", b""
    for data in (bytes(24), bytes(24), domain, name, machine, b""):
        fields += struct.pack("<HHI", len(data), len(data), start + len(payload))
        payload += data
    return base64.b64encode(b"NTLMSSP\0" + struct.pack("<I", 3) + fields + struct.pack("<I", 0x8201) + payload).decode()


def serve(kit: Kit) -> int:
    port = kit.free_port()
    kit.node("ntlm_server.js", str(port), port=port)
    return port


def log_in(browser: Browser, user: str) -> str:
    """The three steps of a login, on the browser's one connection; what the page says afterwards."""
    first = browser.ask("/").status
    challenge = browser.ask("/", headers={"Authorization": f"NTLM {NEGOTIATE}"})
    page = browser.ask("/", headers={"Authorization": f"NTLM {authenticate(user)}"})
    return f"{first} {challenge.status} {page.status} {page.text}"


def visit(way: Way) -> Outcome:
    alice, bob = Browser(way), Browser(way)
    login = log_in(alice, "alice")
    strangers = []
    for _ in range(5):
        stranger = Browser(way)
        strangers.append(stranger.ask("/"))
        stranger.close()
    way.cut()
    outcome = {
        "login": login,
        "strangers": sorted({f"{answer.status} {answer.text}" for answer in strangers}),
        "the other's login": log_in(bob, "bob"),
        "alice again": alice.ask("/").text,
        "bob again": bob.ask("/").text,
    }
    alice.close()
    bob.close()
    return outcome


PROGRAM = Program(
    "express-ntlm",
    "express-ntlm",
    "two visitors log in with NTLM, each on a connection of his own; five strangers ask in between",
    serve,
    visit,
    needs=Npm("express-ntlm@2.7.0", "express@4"),
)
