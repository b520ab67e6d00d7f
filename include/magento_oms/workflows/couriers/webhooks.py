"""Working on webhooks that were stored: each is read by its aggregator's reader and its scans are kept.

A webhook may be worked on any number of times: scans are kept once, and the state follows from all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from magento_oms.ports import CourierEvent, StatusReader
from magento_oms.storage import orders, parcels, scans
from magento_oms.storage import webhooks as stored
from magento_oms.storage.database import engine
from magento_oms.storage.scans import Reading
from magento_oms.workflows.couriers.outcomes import follow_up
from magento_oms.workflows.returns import adopt

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WebhookReader:
    """How an account's webhooks are read.

    Attributes:
        account: its code in our configuration.
        read: decoded JSON to scans. Raises ValueError for what is no shape of the aggregator's.
    """

    account: str
    read: Callable[[Any], Sequence[CourierEvent]]
    statuses: StatusReader


Readers = Mapping[str, WebhookReader]
"""By target, `courier:<account>`."""


class _Busy(Exception):
    """Somebody else is at the order."""


def work_on(connection: Connection, reader: WebhookReader, body: bytes) -> str:
    """Keep what a webhook tells; what came of it, in words without personal data.

    Raises:
        _Busy: not now.
    """
    try:
        events = reader.read(orjson.loads(body))
    except ValueError as error:
        return f"not understood: {error}"
    if not events:
        return "a test: it tells of nothing"
    told = [_keep(connection, reader, event) for event in events]
    return "; ".join(dict.fromkeys(told))


def _keep(connection: Connection, reader: WebhookReader, event: CourierEvent) -> str:
    booking_id = parcels.find(
        connection, reader.account, awb=event.awb, reference=event.reference, order_ref=event.order_ref
    )
    if booking_id is None or adopt.is_another(connection, booking_id, event):
        booking_id = adopt.adopt(connection, reader.account, event, reader.statuses)
    if booking_id is None:
        return "no such parcel"
    booking = parcels.get(connection, booking_id)
    # Many webhooks are worked on in one transaction: it holds many orders, and so must not wait for another one.
    if not orders.lock(connection, booking.order_id, wait=False):
        raise _Busy
    adopt.note_awb(connection, booking, event)
    meaning = reader.statuses.meaning(event, booking.direction)
    applied = scans.apply(connection, booking_id, [Reading(event, meaning)], read_back=False)
    follow_up(connection, applied)
    if applied.unknown:
        log.warning("unknown courier code", account=reader.account, code=event.code, label=event.label)
        return f"unknown code {event.code}: kept, the parcel stays {applied.state.status}"
    if not applied.new:
        return "known already"
    if applied.state.claimed is not None:
        return f"says {applied.state.claimed}: read back before it counts"
    return f"{applied.before} → {applied.state.status}" if applied.moved else "history"


BATCH = 50
"""Webhooks that are worked on in one transaction; each has a savepoint of its own."""


def work_on_all(url: str, readers: Readers) -> int:
    """Work on every stored webhook that waits; how many there were. Several may do it at once.

    One whose order somebody else is at waits for the next time. One that cannot be worked on because of a bug is noted
    with the error's class and left to `work_again`.
    """
    worked = 0
    while True:
        done = 0
        with engine(url).begin() as connection:
            batch = stored.claim_new(connection, list(readers), limit=BATCH)
            for webhook in batch:
                outcome = _outcome(connection, readers[webhook.target], webhook.body)
                if outcome is not None:
                    stored.worked(connection, webhook.id, outcome)
                    done += 1
        worked += done
        if not done or len(batch) < BATCH:
            return worked


def _outcome(connection: Connection, reader: WebhookReader, body: bytes) -> str | None:
    savepoint = connection.begin_nested()
    try:
        outcome = work_on(connection, reader, body)
    except _Busy:
        savepoint.rollback()
        return None
    except OperationalError:
        raise
    except Exception as error:
        savepoint.rollback()
        log.exception("webhook not worked on", account=reader.account)
        return f"failed: {type(error).__name__}"
    savepoint.commit()
    return outcome
