"""The original Sellia's dialect: its messages, their fields, and the MessagePack that it writes.

Pure.  Imports `sellia.errors` and `sellia.protocol` only.
"""
