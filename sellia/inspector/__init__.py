"""The inspector's memory: what passed between visitors and services, within bounds, decoded when asked.

Imports ``protocol``, ``relay`` and what all may import; neither Twisted nor a clock, but for the thread of a recording.
"""
