"""What the demo checks: every order on Magento against the OMS, and the other way round."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median, quantiles
from typing import Any

import psycopg
from psycopg.rows import dict_row

from magento_oms.config.models import InstanceConfig, Mode, StatusMeaning, StoreConfig
from magento_oms.local.demo_stores import orders_on_magento
from magento_oms.ports import parse_magento_time
from magento_oms.storage.database import psycopg_url

REFERENCE = "[oms-ack-"
ON_ITS_WAY = frozenset({"acknowledged", "packed", "shipped"})
ENDED = frozenset({"shipped", "returned", "cancelled"})


@dataclass(slots=True)
class InstanceReport:
    """One instance, counted.

    Attributes:
        live: orders on Magento that are not history.
        lost: orders on Magento that are not in the OMS though they should be.
        doubled: acknowledgements, invoices, shipments and AWBs of which there is one too many.
        failures: what is not as it should be, in words.
        unfinished: orders that `failures` are about.
        quarantine: what a person has to look at, each in words.
        stored_after, acknowledged_after, handed_over_after: seconds from placing an order to that.
        fulfilments: by state.
        split: orders that go out from more than one warehouse.
        fell_over: parcels that an account would not take, so that the next one was asked.
        delivered: parcels by aggregator.
        came_back: returns that were received and checked, by kind.
        refunds: credit memos that the OMS made, or read, on Magento.
        told: events that the store's own server was told of, by name.
    """

    code: str
    name: str
    on_magento: int = 0
    live: int = 0
    in_oms: int = 0
    by_state: Counter[str] = field(default_factory=Counter)
    quarantine: list[str] = field(default_factory=list)
    lost: int = 0
    doubled: int = 0
    waiting: int = 0
    failures: list[str] = field(default_factory=list)
    unfinished: set[int] = field(default_factory=set)
    stored_after: list[float] = field(default_factory=list)
    acknowledged_after: list[float] = field(default_factory=list)
    handed_over_after: list[float] = field(default_factory=list)
    fulfilments: Counter[str] = field(default_factory=Counter)
    split: int = 0
    fell_over: int = 0
    invoices: int = 0
    delivered: Counter[str] = field(default_factory=Counter)
    came_back: Counter[str] = field(default_factory=Counter)
    refunds: int = 0
    told: Counter[str] = field(default_factory=Counter)

    def fail(self, entity_id: int, what: str) -> None:
        """Note what is not as it should be with an order."""
        self.failures.append(what)
        self.unfinished.add(entity_id)

    @property
    def settled(self) -> bool:
        """Whether every order is where it should be."""
        return not self.failures

    def as_dict(self) -> dict[str, Any]:
        """For `build/demo.json`."""
        return {
            "orders_on_magento": self.on_magento,
            "orders_in_oms": self.in_oms,
            "by_state": dict(sorted(self.by_state.items())),
            "quarantine": self.quarantine,
            "lost": self.lost,
            "doubled": self.doubled,
            "seconds_to_oms": _spread(self.stored_after),
            "seconds_to_acknowledged": _spread(self.acknowledged_after),
            "seconds_to_handed_over": _spread(self.handed_over_after),
            "fulfilments": dict(sorted(self.fulfilments.items())),
            "split_orders": self.split,
            "parcels_gone_on_to_another_account": self.fell_over,
            "invoices": self.invoices,
            "delivered": dict(sorted(self.delivered.items())),
            "came_back": dict(sorted(self.came_back.items())),
            "credit_memos": self.refunds,
            "events_told": dict(sorted(self.told.items())),
            "failures": self.failures,
        }


def p95(values: list[float]) -> float:
    """The 95th percentile; of few values the largest."""
    return quantiles(values, n=20)[-1] if len(values) >= 20 else max(values)


def _spread(values: list[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {"median": round(median(values), 2), "p95": round(p95(values), 2), "max": round(max(values), 2)}


def compare(
    config: InstanceConfig, store_url: str, password: str, oms_url: str, placed: Mapping[int, datetime]
) -> InstanceReport:
    """Compare an instance's orders on both sides.

    Args:
        placed: when the demo placed an order, by entity id.
    """
    report = InstanceReport(config.code, config.name)
    with psycopg.connect(psycopg_url(oms_url)) as connection:
        rows = connection.execute(
            "select entity_id, state, stored_at, acknowledged_at from sales_order where instance = %s", (config.code,)
        ).fetchall()
        report.quarantine = _quarantine(connection, config.code)
        _follow(connection, report, placed)
        follow_returns(connection, report)
        _count(connection, report)
    stored = {row[0]: row for row in rows}
    report.in_oms = len(stored)
    report.by_state.update(row[1] for row in rows)
    on_magento = set()
    for order in orders_on_magento(store_url, password):
        on_magento.add(int(order["entity_id"]))
        store = config.store(int(order["store_id"]))
        if store is None:
            continue
        report.on_magento += 1
        report.live += parse_magento_time(order["created_at"]) >= store.live_from
        _judge(report, store, order, stored.get(int(order["entity_id"])))
    for entity_id in sorted((stored.keys() | placed.keys()) - on_magento):
        whose = "is in the OMS" if entity_id in stored else "was placed"
        report.fail(entity_id, f"{config.code}: the order with entity id {entity_id} {whose}, but is not on Magento")
    for entity_id, moment in placed.items():
        if entity_id in stored:
            _, _, stored_at, acknowledged_at = stored[entity_id]
            report.stored_after.append((stored_at - moment).total_seconds())
            if acknowledged_at:
                report.acknowledged_after.append((acknowledged_at - moment).total_seconds())
    return report


_WAY = """
select f.id, o.entity_id, o.increment_id, f.state, f.handed_over_at, o.state as order_state, p.id as parcel,
  b.status, b.aggregator,
  exists (select from quarantine q left join effect e on e.id = q.effect_id
    where q.resolved_at is null and (e.order_id = o.id
      or q.instance = o.instance and q.subject = 'order:' || o.entity_id)) as a_person_knows,
  (select min(e.kind) from effect e where e.order_id = o.id and e.state in ('due', 'sending', 'unknown')) as under_way
from fulfilment f join sales_order o on o.id = f.order_id
  left join parcel p on p.fulfilment_id = f.id and p.direction = 'forward'
  left join lateral (select status, aggregator from courier_booking where parcel_id = p.id
    order by generation desc limit 1) b on true
where o.instance = %s
"""


def _follow(connection: psycopg.Connection[Any], report: InstanceReport, placed: Mapping[int, datetime]) -> None:
    """Follow what was routed to its end: handed over and delivered, or kept back for a reason that a person knows."""
    counted = set()
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_WAY, (report.code,)).fetchall()
    for row in rows:
        if row["id"] not in counted:
            counted.add(row["id"])
            report.fulfilments[row["state"]] += 1
            if row["state"] == "handed_over" and row["entity_id"] in placed:
                report.handed_over_after.append((row["handed_over_at"] - placed[row["entity_id"]]).total_seconds())
        if row["status"] == "delivered":
            report.delivered[row["aggregator"]] += 1
        if row["a_person_knows"] or row["state"] == "cancelled" or row["order_state"] in ("held", "cancelled"):
            continue
        entity_id, name = row["entity_id"], f"{report.code} {row['increment_id']}"
        if row["state"] != "handed_over":
            report.fail(entity_id, f"{name}: fulfilment {row['id']} is {row['state']}, not handed over")
        elif row["status"] not in ("delivered", "rto_delivered", "lost"):
            report.fail(entity_id, f"{name}: parcel {row['parcel']} is {row['status']} at {row['aggregator']}")
        elif row["under_way"]:
            report.fail(entity_id, f"{name}: {row['under_way']} is not done yet")


def follow_returns(connection: psycopg.Connection[Any], report: InstanceReport) -> None:
    """Follow what comes back to its end: received and checked, called off, or lost."""
    rows = connection.execute(
        "select o.entity_id, o.increment_id, r.return_code, r.kind, r.state from return_order r"
        " join sales_order o on o.id = r.order_id where o.instance = %s order by r.id",
        (report.code,),
    ).fetchall()
    for entity_id, increment_id, code, kind, state in rows:
        if state == "processed":
            report.came_back[kind] += 1
        elif state not in ("cancelled", "lost"):
            report.fail(entity_id, f"{report.code} {increment_id}: return {code} is {state}, not received and checked")


def _count(connection: psycopg.Connection[Any], report: InstanceReport) -> None:
    row = connection.execute(
        "select (select count(*) from (select from fulfilment f join sales_order o on o.id = f.order_id"
        "    where o.instance = %(code)s group by f.order_id having count(distinct f.location) > 1) s),"
        " (select count(*) from courier_booking b join parcel p on p.id = b.parcel_id"
        "    join sales_order o on o.id = p.order_id where o.instance = %(code)s"
        "    and exists (select from courier_booking n where n.parcel_id = b.parcel_id"
        "      and n.generation > b.generation and n.account <> b.account)),"
        " (select count(*) from invoice i join sales_order o on o.id = i.order_id where o.instance = %(code)s)",
        {"code": report.code},
    ).fetchone()
    if row is not None:
        report.split, report.fell_over, report.invoices = row


def _quarantine(connection: psycopg.Connection[Any], instance: str) -> list[str]:
    rows = connection.execute(
        "select reason from quarantine where instance = %s and resolved_at is null order by id", (instance,)
    )
    return [row[0] for row in rows]


def _judge(report: InstanceReport, store: StoreConfig, order: Mapping[str, Any], row: tuple[Any, ...] | None) -> None:
    """Note what is wrong with one order."""
    entity_id, name = int(order["entity_id"]), f"{report.code} {order['increment_id']}"
    told = sum(REFERENCE in str(entry.get("comment") or "") for entry in order.get("status_histories") or ())
    if row is None:
        report.lost += 1
        report.fail(entity_id, f"{name} ({order['status']}) is not in the OMS")
        return
    if told > 1:
        report.doubled += 1
        report.fail(entity_id, f"{name} was acknowledged {told} times")
    state = row[1]
    expected, may_be_told = _expected(store, order)
    if state not in expected:
        report.waiting += 1
        report.fail(entity_id, f"{name} is {state} in the OMS and {order['status']} on Magento")
    elif state == "acknowledged" and not (told == 1 and order["status"] == "processing"):
        what = f"{name} counts as acknowledged, but Magento says {order['status']}, told {told} times"
        report.fail(entity_id, what)
    elif told and not may_be_told:
        report.fail(entity_id, f"{name} was acknowledged though it should not have been")


def _expected(store: StoreConfig, order: Mapping[str, Any]) -> tuple[frozenset[str], bool]:
    """States in which the order is where it should be, and whether Magento may have been told."""
    if parse_magento_time(order["created_at"]) < store.live_from:
        return frozenset({"history"}), False
    if store.mode is Mode.SHADOW:
        return frozenset({"allocated", "held"}) | ENDED, False
    match store.statuses.meaning(order["status"]):
        case StatusMeaning.PULL:
            return ON_ITS_WAY, True
        case StatusMeaning.HOLD:
            return frozenset({"held"}), True
        case StatusMeaning.CANCELLED:
            return ENDED, True  # one that was shipped before it was cancelled stays shipped: the goods are gone
        case _:
            return ENDED, True
