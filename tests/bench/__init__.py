"""Tests of the load generator, the service and the arithmetic with which `bench` measures."""
