"""What the stand-ins themselves wrote down: whether anything happened twice, or less often than the OMS believes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg.rows import dict_row

from commerce_sandbox.client import SandboxClient
from commerce_sandbox.couriers.client import CourierClient
from magento_oms.local.demo_report import InstanceReport
from magento_oms.storage.database import psycopg_url

_BELIEVED = """
select o.entity_id, o.increment_id, count(f.id) as parts,
  count(f.id) filter (where i.magento_invoice not in ('', '-')) as invoice, count(s.shipment_id) as shipment,
  (select count(distinct r.refund) from return_item r where r.order_id = o.id and r.refund ~ '^[0-9]+$') as refund,
  (select count(*) from return_order r where r.order_id = o.id) as returns
from sales_order o join fulfilment f on f.order_id = o.id left join invoice i on i.fulfilment_id = f.id
  left join magento_shipment s on s.fulfilment_id = f.id and s.shipment_id <> '-'
where o.instance = %s group by o.id
"""


def check_store(report: InstanceReport, store: SandboxClient, oms_url: str) -> None:
    """Compare the store's ledger with the OMS: as many invoices, shipments and credit memos of an order as we noted."""
    happened = store.counts_by_order()
    with psycopg.connect(psycopg_url(oms_url), row_factory=dict_row) as connection:
        orders = connection.execute(_BELIEVED, (report.code,)).fetchall()
    for order in orders:
        for kind, most in (("invoice", "parts"), ("shipment", "parts"), ("refund", "returns")):
            believed, found = order[kind], happened.get((kind, order["entity_id"]), 0)
            report.refunds += found if kind == "refund" else 0
            if found > order[most]:
                report.doubled += 1
            if found != believed:
                what = (
                    f"{report.code} {order['increment_id']}: Magento made {found} {kind}s, the OMS knows of {believed}"
                )
                report.fail(order["entity_id"], what)


def check_invoice_numbers(oms_url: str) -> list[str]:
    """Series of numbers of invoices and credit notes that have a gap, in words."""
    with psycopg.connect(psycopg_url(oms_url)) as connection:
        rows = connection.execute(
            "select s.seller, s.document_type, s.last, count(i.serial) from invoice_series s left join ("
            "  select seller, document_type, financial_year, serial from invoice union all"
            "  select seller, 'credit_note', financial_year, serial from credit_note"
            " ) i using (seller, document_type, financial_year) group by 1, 2, 3, s.financial_year"
            " having count(i.serial) <> s.last"
        ).fetchall()
    return [f"{seller}: {last} numbers of {kind}s were taken, {count} are there" for seller, kind, last, count
            in rows]  # fmt: skip


def check_couriers(accounts: Iterable[CourierClient], oms_url: str) -> list[str]:
    """Parcels that have more than one living AWB, over all accounts, in words."""
    with psycopg.connect(psycopg_url(oms_url)) as connection:
        rows = connection.execute("select account, reference, parcel_id from courier_booking").fetchall()
    parcel_of = {(account, reference): parcel_id for account, reference, parcel_id in rows}
    living: Counter[Any] = Counter(
        parcel_of.get((account.account, parcel["reference"]), f"{account.account} {parcel['reference']}")
        for account in accounts
        for parcel in account.parcels()
        if parcel["awb"] and parcel["state"] != "cancelled"
    )
    return [
        f"parcel {parcel} has {count} AWBs that were not cancelled" for parcel, count in living.items() if count > 1
    ]


def check_came_back(accounts: Iterable[CourierClient], oms_url: str) -> list[str]:
    """Parcels that couriers brought back to a warehouse and that are not received, or more than once, in words."""
    with psycopg.connect(psycopg_url(oms_url)) as connection:
        rows = connection.execute(
            "select b.account, b.reference, count(r.id) filter (where r.state = 'processed')"
            " from courier_booking b left join return_order r on r.parcel_id = b.parcel_id group by 1, 2"
        ).fetchall()
    received = {(account, reference): count for account, reference, count in rows}
    brought = [
        (account.account, parcel["reference"], parcel["awb"])
        for account in accounts
        for parcel in account.parcels()
        if parcel["state"] == ("delivered" if parcel["direction"] == "reverse" else "rto_delivered")
    ]
    return [
        f"AWB {awb} of {account} came back, and {received.get((account, reference), 0)} returns of it were received"
        for account, reference, awb in brought
        if received.get((account, reference), 0) != 1
    ]


def an_order_with_papers(oms_url: str) -> tuple[str, str] | None:
    """Instance and increment id of an order that has all its papers, the one of most fulfilments."""
    with psycopg.connect(psycopg_url(oms_url)) as connection:
        row = connection.execute(
            "select o.instance, o.increment_id from fulfilment f join sales_order o on o.id = f.order_id"
            " join parcel p on p.fulfilment_id = f.id join manifest_parcel m on m.parcel_id = p.id"
            " where f.state = 'handed_over' group by o.id order by count(*) desc, o.id desc limit 1"
        ).fetchone()
    return (str(row[0]), str(row[1])) if row else None
