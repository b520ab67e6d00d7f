"""HTTP with care, shared by the hooks: one pooled connection a thread, limits on time and size, every fault of the
network told apart by what the caller does about it, repeats only where they are safe, masked records of what was said.

Knows no outside system in particular.
"""
