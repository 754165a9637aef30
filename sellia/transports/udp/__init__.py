"""Datagrams as the records of a stream, the same at the visitor's side and the service's.

Imports ``protocol``, ``relay`` and ``transports.reactor``.
"""
