"""
Whatever octets come, nothing but the errors that are meant for them may come of it.

`targets` are functions of octets that raise AssertionError where a promise is broken; some compare with an oracle.
`inputs` makes octets: seeds, their mutations, and with hypothesis what resembles the real thing. `make test` plays a
little of each (``test_short``) and everything that was ever found (``found/``); ``python -m tests.fuzz`` lets atheris,
which is guided by coverage, run for as long as it is told.
"""
