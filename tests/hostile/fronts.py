"""
nginx and HAProxy in front of Sellia, set up to pass on as much as they can be made to, and to use connections again.

Each writes a line for every request that it has sent on, with what Sellia has said to it, so that what the service has
seen can be counted against it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.stage import program
from tests.hostile import stage
from tests.processes import Process, free_port, wait_until

MARK = "sent-on"


@dataclass(frozen=True)
class Front:
    """A running proxy."""

    name: str
    process: Process
    port: int

    def sent_on(self) -> tuple[int, int]:
        """Requests that it has sent to Sellia so far: those that Sellia itself answered, and the others."""
        lines = [line.split() for line in self.process.output.splitlines() if line.startswith(MARK)]
        refused = [line for line in lines if line[2] != "-"]
        return len(refused), len(lines) - len(refused)

    def settled(self) -> tuple[int, int]:
        """The same, once nothing is under way any more."""
        last = (-1, -1)

        def calm() -> bool:
            nonlocal last
            before, last = last, self.sent_on()
            return before == last

        wait_until(calm, "the front to settle")
        return last


def start_nginx() -> Front:
    """nginx, which sends on whatever it does not refuse itself."""
    home, port = Path(tempfile.mkdtemp()), free_port()
    temporary = "".join(
        f"    {kind}_temp_path {home}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (home / "nginx.conf").write_text(
        f"""daemon off;
worker_processes 1;
pid {home}/nginx.pid;
error_log stderr crit;
events {{}}
http {{
{temporary}
    map $upstream_status $sent {{ "" 0; "-" 0; default 1; }}
    map $upstream_http_sellia_error $word {{ "" "-"; default $upstream_http_sellia_error; }}
    log_format counted '{MARK} $upstream_status $word';
    access_log {home}/access.log counted if=$sent;
    upstream sellia {{ server 127.0.0.1:{stage.server().port}; keepalive 8; }}
    server {{
        listen 127.0.0.1:{port};
        server_name _;
        underscores_in_headers on;
        ignore_invalid_headers off;
        merge_slashes off;
        location / {{
            proxy_pass http://sellia;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Connection "";
            proxy_request_buffering off;
            proxy_next_upstream off;
        }}
    }}
}}
"""
    )
    (home / "access.log").touch()
    argv = [program("nginx"), "-e", "stderr", "-p", str(home), "-c", str(home / "nginx.conf")]
    process = Process(argv, name="nginx", port=port)
    process.wait_for_port()
    return _LoggingToFile("nginx", process, port, home / "access.log")


@dataclass(frozen=True)
class _LoggingToFile(Front):
    log: Path

    def sent_on(self) -> tuple[int, int]:
        lines = [line.split() for line in self.log.read_text("utf-8", "replace").splitlines() if line.startswith(MARK)]
        refused = [line for line in lines if line[2] != "-"]
        return len(refused), len(lines) - len(refused)


def start_haproxy() -> Front:
    """HAProxy, which is told to accept what is not quite valid, and to share its connections among visitors."""
    home, port = Path(tempfile.mkdtemp()), free_port()
    config = home / "haproxy.cfg"
    config.write_text(
        f"""global
    log stdout format raw local0
defaults
    mode http
    log global
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend in
    bind 127.0.0.1:{port}
    option accept-invalid-http-request
    http-response set-var(txn.word) res.hdr(sellia-error)
    log-format "%s {MARK} %ST %[var(txn.word)]"
    default_backend out
backend out
    http-reuse always
    retries 0
    server sellia 127.0.0.1:{stage.server().port}
"""
    )
    process = Process([program("haproxy"), "-db", "-f", str(config)], name="haproxy", port=port)
    process.wait_for_port()
    return _HaProxy("haproxy", process, port)


class _HaProxy(Front):
    """Its lines begin with the server's name, which is another one where a request was not sent on."""

    def sent_on(self) -> tuple[int, int]:
        lines = [line.split() for line in self.process.output.splitlines() if line.startswith(f"sellia {MARK}")]
        refused = [line for line in lines if line[3] != "-"]
        return len(refused), len(lines) - len(refused)


FRONTS: dict[str, Callable[[], Front]] = {"nginx": start_nginx, "haproxy": start_haproxy}
