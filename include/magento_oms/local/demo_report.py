"""What the demo checks: every order on Magento against the OMS, and the other way round."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median, quantiles
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import psycopg

from magento_oms.config.models import InstanceConfig, Mode, StatusMeaning, StoreConfig
from magento_oms.ports import parse_magento_time
from magento_oms.storage.database import psycopg_url

REFERENCE = "[oms-ack-"
ON_ITS_WAY = frozenset({"acknowledged", "packed", "shipped"})
ENDED = frozenset({"shipped", "returned", "cancelled"})


@dataclass(slots=True)
class InstanceReport:
    """One instance, counted.

    Attributes:
        lost: orders on Magento that are not in the OMS though they should be.
        doubled: orders with more than one acknowledgement.
        failures: what is not as it should be, in words.
        stored_after, acknowledged_after, handed_over_after: seconds from placing an order to that.
        fulfilments: by state.
        delivered: parcels by aggregator.
    """

    code: str
    name: str
    on_magento: int = 0
    in_oms: int = 0
    by_state: Counter[str] = field(default_factory=Counter)
    quarantined: int = 0
    lost: int = 0
    doubled: int = 0
    waiting: int = 0
    failures: list[str] = field(default_factory=list)
    stored_after: list[float] = field(default_factory=list)
    acknowledged_after: list[float] = field(default_factory=list)
    handed_over_after: list[float] = field(default_factory=list)
    fulfilments: Counter[str] = field(default_factory=Counter)
    delivered: Counter[str] = field(default_factory=Counter)

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
            "quarantined": self.quarantined,
            "lost": self.lost,
            "doubled": self.doubled,
            "seconds_to_oms": _spread(self.stored_after),
            "seconds_to_acknowledged": _spread(self.acknowledged_after),
            "seconds_to_handed_over": _spread(self.handed_over_after),
            "fulfilments": dict(sorted(self.fulfilments.items())),
            "delivered": dict(sorted(self.delivered.items())),
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
        report.quarantined = _count(connection, config.code)
        _follow(connection, report, placed)
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
        _judge(report, store, order, stored.get(int(order["entity_id"])))
    for entity_id in sorted((stored.keys() | placed.keys()) - on_magento):
        whose = "is in the OMS" if entity_id in stored else "was placed"
        report.failures.append(f"{config.code}: the order with entity id {entity_id} {whose}, but is not on Magento")
    for entity_id, moment in placed.items():
        if entity_id in stored:
            _, _, stored_at, acknowledged_at = stored[entity_id]
            report.stored_after.append((stored_at - moment).total_seconds())
            if acknowledged_at:
                report.acknowledged_after.append((acknowledged_at - moment).total_seconds())
    return report


def _follow(connection: psycopg.Connection[Any], report: InstanceReport, placed: Mapping[int, datetime]) -> None:
    """Follow what was routed to its end: handed over and delivered, or kept back for a reason that a person knows."""
    rows = connection.execute(
        "select f.id, o.entity_id, o.increment_id, f.state, f.handed_over_at, o.state, p.id,"
        " (select b.status from courier_booking b where b.parcel_id = p.id order by b.generation desc limit 1),"
        " (select b.aggregator from courier_booking b where b.parcel_id = p.id order by b.generation desc limit 1),"
        " exists (select from quarantine q left join effect e on e.id = q.effect_id"
        "   where q.resolved_at is null and (e.order_id = o.id or q.instance = o.instance"
        "     and q.subject = 'order:' || o.entity_id))"
        " from fulfilment f join sales_order o on o.id = f.order_id"
        " left join parcel p on p.fulfilment_id = f.id and p.direction = 'forward' where o.instance = %s",
        (report.code,),
    ).fetchall()
    for (
        fulfilment,
        entity_id,
        increment_id,
        state,
        handed_over_at,
        order_state,
        parcel,
        status,
        aggregator,
        known,
    ) in rows:
        report.fulfilments[state] += 1
        if state == "handed_over" and entity_id in placed:
            report.handed_over_after.append((handed_over_at - placed[entity_id]).total_seconds())
        if status == "delivered":
            report.delivered[aggregator] += 1
        if known or state == "cancelled" or order_state in ("held", "cancelled"):
            continue
        if state != "handed_over":
            report.failures.append(f"{report.code} {increment_id}: fulfilment {fulfilment} is {state}, not handed over")
        elif status not in ("delivered", "rto_delivered", "lost"):
            report.failures.append(f"{report.code} {increment_id}: parcel {parcel} is {status} at {aggregator}")


def _count(connection: psycopg.Connection[Any], instance: str) -> int:
    row = connection.execute(
        "select count(*) from quarantine where instance = %s and resolved_at is null", (instance,)
    ).fetchone()
    return int(row[0]) if row else 0


def _judge(report: InstanceReport, store: StoreConfig, order: Mapping[str, Any], row: tuple[Any, ...] | None) -> None:
    """Note what is wrong with one order."""
    name = f"{report.code} {order['increment_id']}"
    told = sum(REFERENCE in str(entry.get("comment") or "") for entry in order.get("status_histories") or ())
    if row is None:
        report.lost += 1
        report.failures.append(f"{name} ({order['status']}) is not in the OMS")
        return
    if told > 1:
        report.doubled += 1
        report.failures.append(f"{name} was acknowledged {told} times")
    state = row[1]
    expected, may_be_told = _expected(store, order)
    if state not in expected:
        report.waiting += 1
        report.failures.append(f"{name} is {state} in the OMS and {order['status']} on Magento")
    elif state == "acknowledged" and not (told == 1 and order["status"] == "processing"):
        report.failures.append(f"{name} counts as acknowledged, but Magento says {order['status']}, told {told} times")
    elif told and not may_be_told:
        report.failures.append(f"{name} was acknowledged though it should not have been")


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


def skus_on_magento(store_url: str, password: str) -> set[str]:
    """SKUs of all simple products of a store."""
    query = urlencode({"searchCriteria[pageSize]": 300, "fields": "items[sku,type_id]"})
    request = Request(  # noqa: S310  (the sandbox's own URL)
        f"{store_url}/rest/V1/products?{query}", headers={"Authorization": f"Bearer {_token(store_url, password)}"}
    )
    with urlopen(request, timeout=60) as answer:  # noqa: S310
        return {item["sku"] for item in json.load(answer)["items"] or [] if item["type_id"] == "simple"}


def _token(store_url: str, password: str) -> str:
    login = json.dumps({"username": "admin", "password": password}).encode()
    request = Request(  # noqa: S310
        f"{store_url}/rest/V1/integration/admin/token", login, {"Content-Type": "application/json"}
    )
    with urlopen(request, timeout=30) as answer:  # noqa: S310
        return str(json.load(answer))


def orders_on_magento(store_url: str, password: str) -> Iterator[Mapping[str, Any]]:
    """All orders of a store, read with the standard library, so that the check shares nothing with what it checks."""
    token = _token(store_url, password)
    page = 1
    while True:
        query = urlencode(
            {
                "searchCriteria[pageSize]": 200,
                "searchCriteria[currentPage]": page,
                "searchCriteria[sortOrders][0][field]": "entity_id",
                "searchCriteria[sortOrders][0][direction]": "ASC",
                "fields": "items[entity_id,increment_id,store_id,created_at,state,status,status_histories[comment]]",
            }
        )
        request = Request(f"{store_url}/rest/V1/orders?{query}", headers={"Authorization": f"Bearer {token}"})  # noqa: S310
        with urlopen(request, timeout=60) as answer:  # noqa: S310
            items = json.load(answer)["items"] or []
        yield from items
        if len(items) < 200:
            return
        page += 1
