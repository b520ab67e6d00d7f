"""Planning what Magento and the store are told of fulfilments and parcels, as the store wants it."""

from __future__ import annotations

from sqlalchemy import Connection, text

from magento_oms.domain.intake import PlannedEffect
from magento_oms.ports import ParcelStatus
from magento_oms.storage import effects

TELL_MAGENTO = "tell_magento"
NOTIFY_STORE = "notify_store"

EVENT_OF = {
    ParcelStatus.PICKED_UP: "picked_up",
    ParcelStatus.IN_TRANSIT: "in_transit",
    ParcelStatus.OUT_FOR_DELIVERY: "out_for_delivery",
    ParcelStatus.DELIVERY_FAILED: "delivery_failed",
    ParcelStatus.DELIVERED: "delivered",
    ParcelStatus.LOST: "lost",
    ParcelStatus.RTO_INITIATED: "rto",
    ParcelStatus.RTO_IN_TRANSIT: "rto",
}
"""What a parcel's new state is told as."""


def notify_target(instance: str) -> str:
    """Events of an instance's stores are effects towards this."""
    return f"notify:{instance}"


def tell(connection: Connection, event: str, fulfilment_id: int, *, parcel_id: int | None = None) -> None:
    """Tell of an event of a fulfilment, or of one of its parcels. Told before, it is not told again."""
    row = connection.execute(
        text(
            "select o.id, o.instance, o.entity_id, o.shadow, s.told from fulfilment f"
            " join sales_order o on o.id = f.order_id"
            " left join store s on s.instance = o.instance and s.store_id = o.store_id where f.id = :id"
        ),
        {"id": fulfilment_id},
    ).one()
    told = row.told or {}
    about = f"parcel:{parcel_id}" if parcel_id is not None else f"fulfilment:{fulfilment_id}"
    details = {"fulfilment": fulfilment_id, "event": event} | ({} if parcel_id is None else {"parcel": parcel_id})
    ways = (
        ("magento_comment", f"magento:{row.instance}", TELL_MAGENTO, f"magento:{row.instance}:order:{row.entity_id}"),
        ("store_url", notify_target(row.instance), NOTIFY_STORE, f"notify:{row.instance}:{about}"),
    )
    for name, target, kind, lane in ways:
        if event in told.get(name, ()):
            effect = PlannedEffect(
                target,
                kind,
                f"{about}:{event}",
                lane,
                withheld=row.shadow,
                even_if_stopped=True,
                details=details,
            )
            effects.plan(connection, effect, row.id)


def tell_of_parcel(connection: Connection, parcel_id: int, status: ParcelStatus) -> None:
    """Tell of a parcel's new state, if it is one that is told of."""
    event = EVENT_OF.get(status)
    if event is None:
        return
    fulfilment_id = connection.execute(
        text("select fulfilment_id from parcel where id = :id and direction = 'forward'"), {"id": parcel_id}
    ).scalar()
    if fulfilment_id is not None:
        tell(connection, event, fulfilment_id, parcel_id=parcel_id)
