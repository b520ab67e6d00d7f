"""Shipway: an order is stored first, and sent once more with a carrier to get its AWB and label."""
