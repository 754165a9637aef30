"""
What the public side must stand: hostile visitors, hostile clients, hostile servers, hostile services.

Each row of the project's table of hostile inputs is a test class here, each input a case of its own, played against a
real server, a real client, and a service (`ledger`) that keeps every byte that reaches it and reads it with h11, which
is another's and strict. After every case, whatever it was about, `case.HostileCase` looks at what it has cost: no
traceback, no 500, no process gone, nothing unescaped in a log, and no more of the server's time than it may take from
others.

``python -m tests.hostile`` runs what is too long for every day: see ``__main__``.
"""
