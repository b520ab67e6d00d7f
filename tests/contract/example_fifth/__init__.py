"""A fifth aggregator, small and complete: the example of `docs/adding-an-aggregator.md`."""
