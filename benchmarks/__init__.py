"""Benchmarks. Each measures both sides in one run and prints a ratio as its last line."""
