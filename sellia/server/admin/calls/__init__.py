"""Calls of the admin API: a function for each, which asks the accounts' operations and makes the report.

They need no HTTP: `routes.Call` has all that they are given.  Beside the functions of a module is its table of routes.
"""
