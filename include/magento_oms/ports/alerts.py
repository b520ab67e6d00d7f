"""Telling people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a person should know.

    Attributes:
        group: alerts with the same group are one story (an outage of an instance) and are sent once until it ends.
        title: one line.
        text: what happened, what was kept, what to do. No personal data, no secrets.
        link: where to look.
    """

    group: str
    title: str
    text: str
    link: str = ""


class Notifier(Protocol):
    """One way to tell people: a log, Slack, e-mail or a webhook."""

    def notify(self, alert: Alert) -> None:
        """Raises OutsideError if it could not be told."""
        ...
