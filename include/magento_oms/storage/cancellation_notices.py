"""Planning what Magento and the store are told of units that were cancelled, as the store wants it."""

from __future__ import annotations

from sqlalchemy import Connection, text

from magento_oms.domain.intake import PlannedEffect
from magento_oms.storage import effects
from magento_oms.storage.notices import notify_target

TELL_MAGENTO_OF_CANCELLATION = "tell_magento_of_cancellation"
NOTIFY_STORE_OF_CANCELLATION = "notify_store_of_cancellation"
CANCELLED = "cancelled"


def tell(connection: Connection, cancellation_id: int) -> None:
    """Tell of a cancellation. Told before, it is not told again."""
    row = connection.execute(
        text(
            "select o.id, o.instance, o.entity_id, o.shadow, s.told from cancellation c"
            " join sales_order o on o.id = c.order_id"
            " left join store s on s.instance = o.instance and s.store_id = o.store_id where c.id = :id"
        ),
        {"id": cancellation_id},
    ).one()
    told = row.told or {}
    about = f"cancellation:{cancellation_id}"
    magento, store = f"magento:{row.instance}", notify_target(row.instance)
    ways = (
        ("magento_comment", magento, TELL_MAGENTO_OF_CANCELLATION, f"{magento}:order:{row.entity_id}"),
        ("store_url", store, NOTIFY_STORE_OF_CANCELLATION, f"{store}:{about}"),
    )
    for name, target, kind, lane in ways:
        if CANCELLED in told.get(name, ()):
            effect = PlannedEffect(
                target,
                kind,
                f"{about}:{CANCELLED}",
                lane,
                withheld=row.shadow,
                even_if_stopped=True,
                details={"cancellation": cancellation_id},
            )
            effects.plan(connection, effect, row.id)
