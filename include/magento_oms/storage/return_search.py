"""Looking for returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from magento_oms.storage.api_tokens import of_stores_sql
from magento_oms.storage.database import text
from magento_oms.storage.returns import COLUMNS, JOINED, StoredReturn, from_row

_CALLED = """
select id from return_order where return_code = :text
union select id from return_order where awb = :text and awb <> ''
union select x.id from return_order x join sales_order y on y.id = x.order_id where y.increment_id = :text
union select x.id from return_order x join courier_booking y on y.parcel_id = x.parcel_id where y.awb = :text
union select x.id from return_order x join invoice y on y.order_id = x.order_id where y.number = :text
"""
"""Returns by whatever is printed on their parcel; each way by an index."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What returns are looked for by; what is empty does not restrict.

    Attributes:
        text: an AWB, an invoice number, an order's number or a return code: whatever is printed on the parcel.
        stores, locations: that the caller may see, see `api_tokens.Caller`.
    """

    text: str = ""
    state: str = ""
    location: str = ""
    stores: Sequence[str] = ()
    locations: Sequence[str] = ()
    before: int | None = None


def search(connection: Connection, wanted: Wanted, limit: int) -> list[StoredReturn]:
    """Returns, the newest first."""
    rows = connection.execute(
        text(
            f"select {COLUMNS} from {JOINED}"  # noqa: S608  (constants)
            f" where (:text = '' or r.id in ({_CALLED}))"
            " and (:state = '' or r.state = :state) and (:location = '' or r.location = :location)"
            f" and {of_stores_sql('o')}"
            " and (cardinality(cast(:locations as text[])) = 0 or r.location = any(:locations))"
            " and (cast(:before as bigint) is null or r.id < :before) order by r.id desc limit :limit"
        ),
        {
            "text": wanted.text,
            "state": wanted.state,
            "location": wanted.location,
            "stores": list(wanted.stores),
            "locations": list(wanted.locations),
            "before": wanted.before,
            "limit": limit,
        },
    )
    return [from_row(row) for row in rows.mappings()]
