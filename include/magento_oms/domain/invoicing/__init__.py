"""Invoices: their numbers, what is on them, and what the law wants beside them. Pure."""
