"""Building blocks of limits: token buckets, quotas, and the log of what was refused.

Pure.  Imports nothing of Sellia.
"""
