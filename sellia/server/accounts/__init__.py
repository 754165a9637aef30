"""Accounts of a server: their keys, names and limits, what they used, and what happened.

Need
    An operator runs a server for several people: each account has keys of its own, names that nobody else gets, and
    limits.  All of it outlives the process, in a `sellia.storage.interface.Storage`.

Invariants
    * The reactor never waits for the storage: calls go to threads (`threads`), and what the data path asks is in memory
      (`live`).
    * There is one path of change (`changes`): checked against memory, written, and only then in memory; so what was
      acknowledged is stored, and what is refused has changed nothing.
    * What runs goes on while the database is away: links, requests, names that are held.  What cannot be checked or
      written is refused with `DATABASE_AWAY`, and may be tried again.
    * Nothing here is imported by a server without accounts.

Bounds
    Calls that wait for threads (`threads.WAITING`), events and usage that wait to be written (`recorder`), names that
    are kept for who used them (`names.KEPT`).

Designs not chosen
    *Asking the database for each login*: a thousand clients that come back at once would wait for its disk, and none
    could log in while it is away.  *A cache of some keys*: it would have to be told of each change anyway, and a
    hundred thousand keys fit in memory.
"""
