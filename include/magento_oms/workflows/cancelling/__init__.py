"""Cancelling: what becomes of units that are not wanted any more, wherever they are."""
