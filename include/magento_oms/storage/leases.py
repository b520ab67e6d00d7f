"""Leases: who does a thing that only one may do at a time, over all processes and machines.

A lease ends when it is released, or by itself when its time is over (by the database's clock), so a killed holder never
blocks the next one for longer than that.
"""

from __future__ import annotations

import os
import time
import uuid
from types import TracebackType

from magento_oms.storage.link import Link, link

_ACQUIRE = """
insert into lease as l (name, holder, expires_at)
values (%(name)s, %(holder)s, now() + make_interval(secs => %(ttl)s))
on conflict (name) do update set holder = excluded.holder, expires_at = excluded.expires_at
where l.holder = excluded.holder or l.expires_at <= now()
returning name
"""
# A lease that ran out may be renewed as long as nobody else took it: its row would carry the other's name, or be gone.
_RENEW = """
update lease set expires_at = now() + make_interval(secs => %(ttl)s)
where name = %(name)s and holder = %(holder)s returning name
"""
_RELEASE = "delete from lease where name = %(name)s and holder = %(holder)s"
_HOLDER = "select holder from lease where name = %(name)s and expires_at > now()"


def holder_of(url: str, name: str) -> str | None:
    """Who holds the lease `name` now (the holder's words and a tag of the process), or None."""
    rows = link(url).rows(_HOLDER, name=name)
    return str(rows[0]["holder"]) if rows else None


class Lease:
    """The right to do `name`, for `ttl` seconds at a time.

    Use as a context manager: `with Lease(...) as mine:` tries once, gives whether we have it, and releases it.
    A long piece of work calls `renew_if_due()` between its steps and stops when that says False.

    Args:
        url: the OMS database.
        name: of the thing that only one may do, such as `magento_push:heritage`.
        holder: who wants it, shown to people. Two objects never hold the same lease, whatever they are called.
        ttl: seconds until it ends by itself if it is not renewed.
    """

    def __init__(self, url: str, name: str, holder: str, ttl: float) -> None:
        if ttl <= 0:
            raise ValueError(f"lease {name}: a time of {ttl} s would end before it began")
        self._link: Link = link(url)
        self.name = name
        self._who = holder
        self._ttl = float(ttl)
        self._tag: str | None = None
        self._process = 0
        self._due = 0.0

    def acquire(self) -> bool:
        """Take the lease if nobody else has it (or keep it, if we have it). Never waits."""
        tag = self._mine() or f"{self._who} [{uuid.uuid4().hex[:12]}]"
        asked_at = time.monotonic()
        if self._link.rows(_ACQUIRE, name=self.name, holder=tag, ttl=self._ttl):
            self._tag, self._process = tag, os.getpid()
            self._due = asked_at + self._ttl / 3
            return True
        self._tag = None
        return False

    def renew(self) -> bool:
        """Begin the time anew. False: the lease is lost, somebody else may be at work; stop."""
        tag = self._mine()
        if tag is None:
            return False
        asked_at = time.monotonic()
        if self._link.rows(_RENEW, name=self.name, holder=tag, ttl=self._ttl):
            self._due = asked_at + self._ttl / 3
            return True
        self._tag = None
        return False

    def renew_if_due(self) -> bool:
        """`renew()` once a third of the time has passed; before that True without asking. Cheap in a loop."""
        if self._mine() is not None and time.monotonic() < self._due:
            return True
        return self.renew()

    def release(self) -> None:
        """Give the lease back, if we have it."""
        tag, self._tag = self._mine(), None
        if tag is not None:
            self._link.rows(_RELEASE, name=self.name, holder=tag)

    def held_by_other(self, name: str | None = None) -> bool:
        """Whether somebody else holds the lease `name` (this one's, if not given) at this moment."""
        rows = self._link.rows(_HOLDER, name=self.name if name is None else name)
        return bool(rows) and rows[0]["holder"] != self._mine()

    def close(self) -> None:
        """Close the connection; it is opened again when needed."""
        self._link.close()

    def _mine(self) -> str | None:
        """Our tag while we believe to hold the lease. A forked child holds nothing."""
        return self._tag if self._process == os.getpid() else None

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()
