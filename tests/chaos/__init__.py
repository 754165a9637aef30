"""
Sellia under bad networks and dying processes: break it many times, and count every byte.

Real ``twistd`` processes talk through a fault proxy (`tests.chaos.proxy`), visitors of our own (`tests.chaos.load`)
reach a service of our own (`tests.chaos.service`), and both sides know what must arrive (`tests.chaos.script`), so that
what is lost, doubled, reordered or damaged can be named. ``python -m tests.chaos`` (``make chaos``) runs the scenarios
at full size, `tests.chaos.test_short` a little of each, ``python -m tests.chaos.soak`` (``make soak``) mixed traffic
for an hour.

Choices are made by seed: which fault, after how many bytes, which message, cut into which fragments. The kernel's
timing is not, so the same seed gives the same faults, not the same run.
"""
