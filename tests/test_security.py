"""``docs/security.rst`` has every limit, with the default that it really has and the name that it is counted by."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

from twisted.trial.unittest import SynchronousTestCase

from sellia.problems import PROBLEMS
from sellia.protocol.limits import CONTROL_LIMIT, HEAD_LIMIT, HEADER_COUNT_LIMIT, KIB, LINK_MESSAGE_LIMIT, MIB
from sellia.relay.limits.limit_log import LINES
from sellia.relay.limits.token_bucket import Rate
from sellia.relay.limits.websocket import UNLIMITED, FrameLimits
from sellia.server.gateway.hellos import LOOKUP_TIME, LOOKUPS
from sellia.server.limiter import LIMITS
from sellia.server.settings import ServerSettings
from sellia.text import SHOWN
from sellia.transports.link.control_limit import CONTROL_RATE
from sellia.transports.websocket.record import FRAME_LINES

ROOT = Path(__file__).parent.parent
DOCUMENT = (ROOT / "docs" / "security.rst").read_text(encoding="utf-8")

RULE = re.compile(r"^=+(?: =+){4}$")

#: Settings that are no limits; all others must be in the tables.
NO_LIMITS = {
    *("host", "port", "listen", "domain", "https", "public_port", "gateway_path", "log_level"),
    *("require_auth", "master_key", "open", "offer_client", "trust_proxy", "forwarded_fields", "interim_responses"),
    *("tcp_ports", "tunnel_host", "tls_tunnels", "tls_cert", "udp_ports", "custom_domains", "dns_server"),
    *("admin_listen", "original_admin"),
    *("state_dir", "storage", "events_kept", "usage_kept"),
    *("ping_interval", "drain_timeout", "while_away_pings"),
}


class Row(NamedTuple):
    """One line of a table, however many it takes."""

    setting: str
    default: str
    bounds: str
    outcome: str
    counter: str


def rows() -> list[Row]:
    """All rows of all tables."""
    found: list[list[str]] = []
    columns: list[slice] = []
    rules = 0
    for line in DOCUMENT.splitlines():
        if RULE.match(line):
            rules = rules % 3 + 1
            columns = [slice(*match.span()) for match in re.finditer("=+", line)]
        elif rules == 2:
            cells = [line[column].strip() for column in columns]
            if cells[0]:
                found.append(cells)
            else:
                found[-1] = [f"{above} {below}".strip() for above, below in zip(found[-1], cells, strict=True)]
        else:
            continue
    return [Row(*cells) for cells in found]


def spelled(value: Any, unit: str = "") -> str:
    """A default as the document spells it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if unit == "bytes":
        return f"{value // MIB} MiB" if value >= MIB else f"{value // KIB} KiB"
    return f"{value:,g} s" if unit == "seconds" else f"{value:,g}" if value < 1 else f"{int(value):,}"


class DocumentTests(SynchronousTestCase):
    def test_every_limit_is_a_row(self) -> None:
        """And every row is a setting."""
        documented = {row.setting for row in rows()}
        self.assertEqual(
            documented, {ServerSettings.path(name) for name in set(ServerSettings.model_fields) - NO_LIMITS}
        )

    def test_the_defaults(self) -> None:
        sizes = {
            *("header_limit", "target_limit", "session_credit", "session_queue", "sessions_memory"),
            *("websocket_frame_limit", "websocket_message_limit"),
        }
        names = {ServerSettings.path(name): name for name in ServerSettings.model_fields}
        for row in rows():
            name = names[row.setting]
            unit = "bytes" if name in sizes else "seconds" if row.default.endswith(" s") else ""
            self.assertEqual(row.default, spelled(getattr(ServerSettings(), name), unit), name)

    def test_every_counter_is_named(self) -> None:
        named = {row.counter for row in rows()}
        named |= set(re.findall(r"counted as ``(\w+)``", " ".join(DOCUMENT.split())))
        self.assertEqual(LIMITS - named, set())
        others = {"windows_expired", "links_lost", "both", ""}
        self.assertEqual({name for name in named - LIMITS if not name.startswith("(")}, others)

    def test_every_counter_is_counted(self) -> None:
        """Nothing in the list is there for show."""
        source = "".join(
            path.read_text("utf-8") for path in (ROOT / "sellia").rglob("*.py") if path.name != "limiter.py"
        )
        guard = (ROOT / "sellia" / "server" / "limiter.py").read_text("utf-8")
        source += guard.partition('""".split()')[0].partition("LIMITS: Final")[0] + guard.partition(".split()")[2]
        for name in LIMITS:
            self.assertIn(f'"{name}"', source)

    def test_the_words_are_in_the_catalogue(self) -> None:
        for row in rows():
            for code, word in re.findall(r"([0-9]{3,4})? ?``([a-z-]+)``", row.outcome):
                problem = PROBLEMS[word]
                if code:
                    self.assertIn(int(code), (problem.status, problem.close_code), word)

    def test_numbers_in_the_text(self) -> None:
        text = " ".join(DOCUMENT.split())
        limits = FrameLimits()
        settings = ServerSettings()
        self.assertEqual((limits.size, limits.message), (UNLIMITED, UNLIMITED))
        self.assertEqual(limits.fragments, settings.websocket_fragments)
        self.assertEqual(limits.empty, settings.websocket_empty_fragments)
        for rate, burst, per_second in (
            (limits.control, settings.control_burst, settings.control_rate),
            (CONTROL_RATE, settings.link_control_burst, settings.link_control_rate),
        ):
            self.assertEqual(rate, Rate(burst, per_second), "the client's are the same")
        lines = f"{FRAME_LINES.burst} lines about its frames at once and {FRAME_LINES.per_second:g} a second"
        self.assertIn(lines, text)
        self.assertIn(f"{LINK_MESSAGE_LIMIT // KIB} KiB a link message", text)
        self.assertIn(f"{CONTROL_LIMIT // KIB} KiB for a hello", text)
        self.assertIn(f"{HEAD_LIMIT // KIB} KiB for a head, {HEADER_COUNT_LIMIT} fields", text)
        self.assertIn(f"at most {SHOWN} characters", text)
        self.assertIn(f"at most {LOOKUPS:,} keys at once and waited for at most {LOOKUP_TIME:g} s", text)
        self.assertEqual(LINES.per_second, 0.1, "one line in ten seconds")

    def test_lines_are_short(self) -> None:
        self.assertEqual([line for line in DOCUMENT.splitlines() if len(line) > 120], [])
