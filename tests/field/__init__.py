"""
Real programs behind the tunnel: each is visited directly, through the tunnel, and while the link is being cut.

``python -m tests.field [NAME ...]`` installs what a program needs into a folder of its own below ``.field/`` (kept for
the next run), serves it, and plays the same visit three times. A visit returns its outcome as a dictionary; the three
outcomes must be equal. ``--write`` records them in ``docs/field.rst``.

``programs/`` has one module for each program, which declares a `tests.field.program.Program`; ``apps/`` has the small
applications that some of them serve. To add a program, add a module: nothing else names it.
"""
