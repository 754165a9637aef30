"""Settings files of other tunnels, read into ours: ``sellia config import FILE``.

Need
    Whoever comes from ngrok, cloudflared or frp has a file in which tunnels are described already.  It is not enough to
    read what we know of it: a key that is left out without a word can be the one that kept strangers out.

Invariants
    * Each key of the file is carried over, or named with what to do instead (:class:`~.source.Source` counts them).
    * A tunnel that something protected for which there is nothing here is *withheld*: it is written as a comment.
    * No value of a foreign file gets into a message; keys of other services (``authtoken``) get nowhere at all.

Bounds
    ``FILE_LIMIT`` bytes of text, ``KEY_LIMIT`` keys: aliases of YAML can multiply them.

Designs not chosen
    *Reading foreign files at each start*, as some do for Compose files: what is meant would change with the version.

Pure: text in, settings and notes out.  One module for each format; :mod:`.detect` says which it is.
"""
