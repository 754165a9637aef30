"""
Sellia as real processes, used by programs that we did not write: curl, Node's ``ws``, wscat, websocat, Vite, webpack,
Chromium, Caddy and nginx.

The service behind the tunnel is ours (`tests.e2e.recorder`, ``node/service.js``), because it has to tell exactly what
reached it. ``python -m tests.e2e.prepare`` installs the programs. With ``SELLIA_E2E_DIRECT=1`` the same tests connect
to the service without Sellia in between: what fails there is the test's fault, not Sellia's.
"""
