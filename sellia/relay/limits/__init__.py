"""Building blocks of limits: token buckets, quotas, stalls, and the log of what was refused.

Pure.  Imports nothing of Sellia.
"""
