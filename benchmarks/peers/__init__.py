"""The other sides of the benchmarks: what one would use without us. Each runs in an environment of its own."""
