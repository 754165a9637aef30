"""The original Sellia's dialect: its messages, their fields, and the MessagePack that it writes.

Pure.  Imports nothing of Sellia but `sellia.errors`.
"""
