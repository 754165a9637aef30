"""HTTP rules that need no socket: header fields, hosts, forwarded fields, error responses, the WebSocket handshake.

Pure.  Imports `sellia.protocol` only.
"""
