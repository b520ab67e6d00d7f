"""Shiprocket, by its external API: an order first, then its AWB, which costs money from the wallet."""
