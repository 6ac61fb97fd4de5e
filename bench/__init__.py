"""Benchmarks of this server and of alternatives: `make bench` and `make bench-full`."""
