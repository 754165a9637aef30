"""Causes: one record for every end of an exchange, a claim or a link that is not plainly good.

It says who caused it, what happened, the evidence, and what to do: the same at both ends of the link.
Pure; may import ``problems`` and ``text`` only.
"""
