"""What the local set-up reports when it cannot go on: one sentence for a person, never a traceback."""

from __future__ import annotations


class LocalTrouble(RuntimeError):
    """Something on this machine does not start or does not stay up; the text says what, why, and what to do."""
