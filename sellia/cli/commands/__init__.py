"""The commands of ``sellia``: a module each, with a click command named ``command``.

A module imports at its top what ``--help`` of its command needs, and the rest where the command runs.  It may import
whatever the command line may.
"""
