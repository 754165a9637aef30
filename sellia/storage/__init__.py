"""Storage of what a server remembers: accounts, keys, names, limits, events and usage.

Blocking calls and plain values: no Twisted and no HTTP.  Others see `interface.Storage`; `memory` holds it in this
process, `sql` in SQLite or PostgreSQL.  May import errors, problems and text.
"""
