"""Recordings: files in which everything that the store is told of is kept, for days and for others to look at.

Need
    The store forgets, and what went wrong at night is looked at in the morning.  The relay must not wait for a disk.

How
    `recorder` follows the store like any subscriber and makes batches of what is not in the file yet; `writer` puts
    them there from a thread of its own, one transaction each; `reader` makes a store of a file; `schema` says what is
    in it.  The store itself is the queue: while the disk is slow, the rest waits there.

Invariants
    * What a transaction has committed survives the death of the process.
    * A recording grows only at its end: numbers of exchanges go on where the file's last run has stopped.
    * What the store lets go of before it was written counts as missing: frames of a WebSocket in its gap, the rest in
      `Missing`.
    * Only its owner can read it.  A file that is not a recording is never written to.

Bounds
    Two batches of ``BATCH`` bytes beside the store, each of which one frame, head or piece of a body may exceed.  The
    file has as many bytes as the settings say.  A reader takes as many bytes as it is told to; the oldest exchanges go
    first.

Designs not chosen
    *SQLAlchemy*: four tables and one writer do not pay for its memory and the time of its import.  *JSON lines*: a
    WebSocket's frames could not be found without reading all, and a cut line is no transaction.  *A queue of events*:
    it would hold a second time what the store holds, and drop what the store still has.

Imports the inspector's model and store, and what all may import; a thread, a clock and SQLite in `writer` and `reader`.
"""
