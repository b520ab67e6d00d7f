"""Alerts told once a story: grouped, counted, told again when the story ends, and reminded of after a day.

Works over any `ports.Notifier`. Any number of processes may raise the same alert at once: one of them tells it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Row

from magento_oms.ports import Alert, Notifier, OutsideError
from magento_oms.storage.database import engine, text
from magento_oms.storage.link import Link, link

log = logging.getLogger(__name__)

REMIND_AFTER = 86_400.0  # seconds after which a story that goes on is told again
CLAIM = 120.0  # seconds after which a teller who never said how it went is taken for dead

_COUNT = """
insert into sent_alert as a ("group", title) values (%(group)s, %(title)s)
on conflict ("group") do update set title = excluded.title, last_at = now(), times = a.times + 1
returning times, first_at
"""
# One caller at a time gets the right to tell: whoever sets `told_at`. `delivered` says that people know of the story;
# a first telling that never ended so (its teller died) is taken over after a while.
_CLAIM = """
update sent_alert set told_at = now()
where "group" = %(group)s
  and (told_at is null
       or told_at <= now() - make_interval(secs => %(remind)s)
       or (not delivered and told_at <= now() - make_interval(secs => %(claim)s)))
returning told_at
"""
_DELIVERED = 'update sent_alert set delivered = true where "group" = %(group)s and told_at = %(told_at)s'
_FAILED = 'update sent_alert set told_at = null where "group" = %(group)s and told_at = %(told_at)s'
_OPEN = 'select "group", title, first_at, last_at, times, delivered from sent_alert order by first_at, "group"'
_UNTOLD = """
select "group", title, first_at, times from sent_alert
where not delivered and (told_at is null or told_at <= now() - make_interval(secs => %(claim)s))
order by first_at
"""
_THERE = 'select 1 from sent_alert where "group" = %(group)s'
_END = text('delete from sent_alert where "group" = :group returning title, first_at, times, told_at, delivered')
_FREE = text('select 1 from sent_alert where "group" = :group for update skip locked')


@dataclass(frozen=True, slots=True)
class Story:
    """An alert group that has not ended. Times are aware UTC.

    Attributes:
        times: how often it was raised.
        delivered: whether people were told of it.
    """

    group: str
    title: str
    first_at: datetime
    last_at: datetime
    times: int
    delivered: bool


class AlertBook:
    """Raises and ends alerts over a notifier. Each call is made of short transactions of its own.

    Args:
        url: the OMS database.
        notifier: tells people.
        remind_after: seconds after which a story that is still being raised is told again.
    """

    def __init__(self, url: str, notifier: Notifier, *, remind_after: float = REMIND_AFTER) -> None:
        self._url = url
        self._link: Link = link(url)
        self._notifier = notifier
        self._remind_after = remind_after

    def raise_alert(self, alert: Alert) -> bool:
        """Count the alert, and tell it if its group has not been told, or not for `remind_after` seconds.

        Returns:
            Whether it was told now. False also where telling failed: that is logged, and the next call tries again.
        """
        counted = self._link.rows(_COUNT, group=alert.group, title=alert.title)[0]
        if counted["times"] == 1:
            return self._tell(alert)
        since = f"{counted['first_at'].astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        return self._tell(
            Alert(alert.group, alert.title, f"{alert.text}\n{counted['times']} times since {since}.", alert.link)
        )

    def end(self, group: str) -> bool:
        """The story is over: say so, if people know of it, and forget it. Cheap where there is none.

        Returns:
            Whether its end was told. If telling fails (logged), the story stays open and the next call tries again.
        """
        if not self._link.rows(_THERE, group=group):
            return False
        with engine(self._url).connect() as connection:
            # Whoever has the row ends it; for anyone else there is nothing left to do.
            if connection.execute(_FREE, {"group": group}).first() is None:
                return False
            story = connection.execute(_END, {"group": group}).one()
            known = story.delivered or story.told_at is not None  # or being told at this moment
            if known:
                try:
                    self._notifier.notify(_over(group, story))
                except OutsideError as error:
                    log.warning("The end of the alert %r could not be told: %s", story.title, error)
                    return False  # nothing is committed
            connection.commit()
            return known

    def tell_untold(self) -> int:
        """Try again to tell what could not be told when it was raised. Returns how many were told now."""
        told = 0
        for row in self._link.rows(_UNTOLD, claim=CLAIM):
            since = f"{row['first_at'].astimezone(UTC):%Y-%m-%d %H:%M} UTC"
            words = f"{row['times']} times since {since}. It could not be told then; the log has its text."
            told += self._tell(Alert(row["group"], row["title"], words))
        return told

    def stories(self) -> list[Story]:
        """All groups that have not ended, the oldest first."""
        return [
            Story(
                group=row["group"],
                title=row["title"],
                first_at=row["first_at"].astimezone(UTC),
                last_at=row["last_at"].astimezone(UTC),
                times=row["times"],
                delivered=row["delivered"],
            )
            for row in self._link.rows(_OPEN)
        ]

    def close(self) -> None:
        """Close the connection; it is opened again when needed."""
        self._link.close()

    def _tell(self, alert: Alert) -> bool:
        claimed = self._link.rows(_CLAIM, group=alert.group, claim=CLAIM, remind=self._remind_after)
        if not claimed:
            return False
        told_at = claimed[0]["told_at"]
        try:
            self._notifier.notify(alert)
        except OutsideError as error:
            self._link.rows(_FAILED, group=alert.group, told_at=told_at)
            log.warning("The alert %r could not be told: %s. Its text: %s", alert.title, error, alert.text)
            return False
        except BaseException:
            self._link.rows(_FAILED, group=alert.group, told_at=told_at)
            raise
        self._link.rows(_DELIVERED, group=alert.group, told_at=told_at)
        return True


def _over(group: str, story: Row[tuple[object, ...]]) -> Alert:
    since = f"{story.first_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    times = "once" if story.times == 1 else f"{story.times} times"
    return Alert(group, f"Over: {story.title}", f"It began at {since} and was raised {times}.")
