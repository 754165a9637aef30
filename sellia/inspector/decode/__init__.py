"""Decoding of what an exchange carries, when somebody looks: codings, and what is inside, one pure module a format.

Imports the inspector's model, ``protocol``, ``relay`` and what all may import.
"""
