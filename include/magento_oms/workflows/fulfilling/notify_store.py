"""The effect that sends an event to a store's notification URL, signed, with an id by which a repeat is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.ports import StoreUrl
from magento_oms.storage import notices
from magento_oms.storage.database import text
from magento_oms.storage.effects import ClaimedEffect
from magento_oms.storage.parcels import live_bookings_sql
from magento_oms.workflows.effect_kinds import NotWanted, Result


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it is sent.

    Attributes:
        url: where to; empty: the store wants none any more.
        event_id: the same for every try: receivers keep it and take an event once.
    """

    url: str
    event_id: str
    body: dict[str, Any]


def post(world: StoreUrl, event: Event) -> Result:
    """Send an event; receivers know a repeat by its id."""
    status = world.post(event.url, event.event_id, event.body, datetime.now(UTC))
    return Result(f"told: HTTP {status}")


def event_id_of(effect: ClaimedEffect) -> str:
    """The id of the event that an effect sends, the same for every try."""
    return str(uuid5(NAMESPACE_URL, f"magento-oms:{effect.target}:{effect.kind}:{effect.subject}"))


def heading(order: Any, event_id: str, event: str, planned_at: datetime) -> dict[str, Any]:
    """What every event begins with: which it is, when it happened (UTC, whole seconds), and the order it is about.

    Args:
        order: anything that names an order: its instance, ids and store view.
    """
    return {
        "event_id": event_id,
        "event": event,
        "occurred_at": planned_at.astimezone(UTC).isoformat(timespec="seconds"),
        "instance": order.instance,
        "order": {"entity_id": order.entity_id, "increment_id": order.increment_id, "store_id": order.store_id},
    }


class ToStoreUrl:
    """Sends to a URL of the store. Receivers know a repeat by the event's id, so that sending it again is safe."""

    def send(self, world: StoreUrl, subject: Event) -> Result:
        """Send it."""
        if not subject.url:
            raise NotWanted("the store has no URL for it any more")
        return post(world, subject)

    def find(self, world: StoreUrl, subject: Event) -> Result | None:
        """Nothing to look for: it is sent again, and known by its id."""
        return None

    def settle(self, connection: Connection, subject: Event, result: Result) -> None:
        """Nothing to note: the effect itself is on the time line."""


class NotifyStore(ToStoreUrl):
    """See the module."""

    name = notices.NOTIFY_STORE

    def __init__(self, config: InstanceConfig) -> None:
        self._config = config

    def read(self, connection: Connection, effect: ClaimedEffect) -> Event:
        """What is to be told: no names, no addresses."""
        order = connection.execute(
            text(
                "select o.instance, o.entity_id, o.increment_id, o.store_id, e.planned_at from effect e"
                " join sales_order o on o.id = e.order_id where e.id = :id"
            ),
            {"id": effect.id},
        ).one()
        fulfilment = connection.execute(
            text("select number, location from fulfilment where id = :id"), {"id": effect.details["fulfilment"]}
        ).one()
        parcels = connection.execute(
            text(
                "select p.number, b.awb, b.aggregator, b.status, b.expected_on,"  # noqa: S608  (constants)
                " coalesce(b.booked -> 'courier' ->> 'name', '') as courier"
                f" from ({live_bookings_sql()}) b join parcel p on p.id = b.parcel_id where p.direction = 'forward'"
                " and (p.id = cast(:parcel as bigint)"
                " or cast(:parcel as bigint) is null and p.fulfilment_id = :fulfilment) order by p.number"
            ),
            {"parcel": effect.details.get("parcel"), "fulfilment": effect.details["fulfilment"]},
        ).all()
        items = connection.execute(
            text(
                "select l.sku, l.item_id, f.quantity from fulfilment_line f join order_line l using (order_id, item_id)"
                " where f.fulfilment_id = :id and f.quantity > 0 order by l.item_id"
            ),
            {"id": effect.details["fulfilment"]},
        ).all()
        store = self._config.store(order.store_id)
        event_id = str(uuid5(NAMESPACE_URL, f"magento-oms:{effect.target}:{effect.subject}:{effect.generation}"))
        body = heading(order, event_id, effect.details["event"], order.planned_at) | {
            "fulfilment": {
                "id": effect.details["fulfilment"],
                "number": fulfilment.number,
                "location": fulfilment.location,
                "items": [
                    {"item_id": row.item_id, "sku": row.sku, "quantity": f"{row.quantity.normalize():f}"}
                    for row in items
                ],
            },
            "parcels": [
                {
                    "number": row.number,
                    "awb": row.awb,
                    "courier": row.courier,
                    "aggregator": row.aggregator,
                    "status": row.status,
                    "expected_on": row.expected_on.isoformat() if row.expected_on else None,
                }
                for row in parcels
            ],
        }
        url = str(store.notification_url) if store and store.notification_url else ""
        return Event(url, event_id, body)
