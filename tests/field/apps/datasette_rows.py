"""A database of 20,000 rows at ``argv[1]``."""

import sqlite3
import sys

with sqlite3.connect(sys.argv[1]) as database:
    database.execute("create table rows (id integer primary key, word text)")
    database.executemany("insert into rows (word) values (?)", ((f"word {n}",) for n in range(20_000)))
