"""Quarantine entries about parcels that left before their order was cancelled: closed by the returns of their units."""

from __future__ import annotations

from sqlalchemy import Connection

from magento_oms.domain.returns import BACK, CLAIMED
from magento_oms.storage.database import text

TOO_LATE = "cancelled_too_late"
COMES_BACK = "a return has all that was cancelled too late"

# A customer's return counts as soon as it is placed: the warehouse expects it from then on. What a courier brings back
# by itself counts once it is there.
_UNCOVERED = """
uncovered as (
  select w.item_id from (
    select u.key::bigint as item_id, sum(u.value::numeric) as units
    from cancellation c cross join jsonb_each_text(c.too_late) u where c.order_id = :id group by 1
  ) w left join (
    select i.item_id, count(*) as units from return_item i join return_order r on r.id = i.return_id
    where i.order_id = :id and (i.state = any(:back) or i.state = any(:claimed) and r.kind <> 'return_to_origin')
    group by 1
  ) has on has.item_id = w.item_id
  where w.units > coalesce(has.units, 0)
), told as (
  select q.id, q.resolved_at, q.resolution, exists (
      select from fulfilment_line l join uncovered u on u.item_id = l.item_id where l.fulfilment_id = p.fulfilment_id
    ) as open
  from parcel p join sales_order o on o.id = p.order_id
    join quarantine q on q.instance = o.instance and q.subject = 'parcel:' || p.id and q.code = :code
  where p.order_id = :id and p.direction = 'forward'
    and q.id = (select max(n.id) from quarantine n
      where n.instance = q.instance and n.subject = q.subject and n.code = q.code)
)
"""


def look_again(connection: Connection, order_id: int) -> None:
    """Close the entries of an order's parcels all of whose too late units returns have; open them again where a return
    that closed them was called off. The order is locked.
    """
    concerned = connection.execute(
        text("select 1 from cancellation where order_id = :id and too_late <> '{}' limit 1"), {"id": order_id}
    ).scalar()
    if concerned is None:
        return
    values = {
        "id": order_id,
        "code": TOO_LATE,
        "back": [str(state) for state in BACK],
        "claimed": [str(state) for state in CLAIMED],
        "how": COMES_BACK,
    }
    connection.execute(
        text(
            f"with {_UNCOVERED} update quarantine q set resolved_at = now(), resolution = :how from told t"  # noqa: S608
            " where q.id = t.id and not t.open and q.resolved_at is null"
        ),
        values,
    )
    connection.execute(
        text(
            f"with {_UNCOVERED} update quarantine q set resolved_at = null, resolution = null from told t"  # noqa: S608
            " where q.id = t.id and t.open and q.resolution = :how"
        ),
        values,
    )
