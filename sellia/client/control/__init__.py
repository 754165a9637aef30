"""Control socket of a running client: how commands of the same user on this machine find it, ask it and end it.

Need
    ``sellia status``, ``stop`` and ``reload`` talk to clients that run elsewhere: in another terminal, detached, below
    systemd, under ``twistd``.  Each of them listens on a Unix socket of its own, named after its process, in a
    directory that only its user can enter.  One line of JSON asks, lines of JSON answer.

Invariants
    * The directory is the user's own, of mode 0700 and no symbolic link; it is opened first, and everything in it is
      reached through that descriptor, so nobody can exchange it afterwards (:mod:`~sellia.client.control.places`).
    * Either end talks only to a peer of the same user, as the kernel says (:mod:`~sellia.client.control.peers`).
    * A socket whose process is dead is removed only while nobody can be creating one: whoever creates or removes one
      holds the lock of the directory (:mod:`~sellia.client.control.sockets`).
    * No answer contains a secret: neither keys nor passwords, nor the settings that have some.  The one that is asked
      for the inspector contains the token of this run, which opens nothing but that.
    * A client without a place for its socket runs all the same, and says in its log that it cannot be asked.

Bounds
    ``CONNECTIONS`` at once, ``REQUEST_LIMIT`` bytes and ``REQUEST_TIME`` seconds for the line that asks, one line for
    each connection.  Whoever asks takes ``ANSWER_LIMIT`` bytes of a line, waits ``ANSWER_TIME`` seconds for all clients
    together, and looks at ``SOCKETS`` clients.

Designs not chosen
    *A TCP port on loopback*: other users of the machine reach it, and pages in a browser.  *One socket for all clients
    of a user*: needs somebody who owns it, and outlives each of them.  *The abstract namespace of Linux*: it has
    neither an owner nor a mode.  *Signals and files of process ids*: a signal takes no question, gives no answer, and
    reaches whatever has the number by then.

Imports `sellia.client` and the lower rooms.
"""
