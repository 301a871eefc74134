"""Benchmarks: ratios and figures of one run on one machine (`make bench`, docs/performance.md)."""
