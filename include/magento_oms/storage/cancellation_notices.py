"""Planning what Magento and the store are told of units that were cancelled, as the store wants it."""

from __future__ import annotations

from sqlalchemy import Connection

from magento_oms.storage import notices
from magento_oms.storage.database import text

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
    notices.plan(
        connection,
        row,
        CANCELLED,
        f"cancellation:{cancellation_id}",
        comment=TELL_MAGENTO_OF_CANCELLATION,
        post=NOTIFY_STORE_OF_CANCELLATION,
        details={"cancellation": cancellation_id},
    )
