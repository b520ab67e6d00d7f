"""Aggregators' hooks without their servers."""
