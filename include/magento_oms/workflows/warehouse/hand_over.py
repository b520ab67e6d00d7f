"""Handing over: the courier takes what was packed. From here on the order can no longer be cancelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import structlog
from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.domain.fulfilments import FulfilmentState
from magento_oms.ports import OutsideError
from magento_oms.storage import effects, fulfilments, notices, orders, stock
from magento_oms.storage.database import autocommit, engine, text
from magento_oms.storage.fulfilments import StoredFulfilment
from magento_oms.workflows.effect_kinds import NotNow, NotWanted
from magento_oms.workflows.fulfilling import effects as fulfilling
from magento_oms.workflows.order_check import Check
from magento_oms.workflows.warehouse.problems import Kind, WarehouseProblem

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What came of it. `again`: it was handed over before."""

    fulfilment_id: int
    increment_id: str
    again: bool = False


def hand_over(
    url: str, configs: Mapping[str, InstanceConfig], fulfilment_id: int, *, by: str, check: Check | None = None
) -> HandedOver:
    """Hand a fulfilment over to its courier.

    Args:
        check: reads the order again at the store first. Where the store does not answer, what the OMS knows counts:
            the shipment on Magento reads it once more.

    Raises:
        WarehouseProblem: it must not leave, or its papers are not complete; nothing was changed.
    """
    with autocommit(url) as connection:
        stored = fulfilments.get(connection, fulfilment_id)
    if stored is None:
        raise WarehouseProblem(Kind.MISSING, f"There is no fulfilment {fulfilment_id}.")
    config = configs.get(stored.instance)
    if config is None:
        raise WarehouseProblem(Kind.REFUSED, f"The instance {stored.instance} is not validly configured.")
    if check is not None and stored.state is FulfilmentState.READY:
        _read_again(check, stored)
    with engine(url).begin() as connection:
        return _hand_over(connection, config, fulfilment_id, by)


def _read_again(check: Check, stored: StoredFulfilment) -> None:
    try:
        check(stored.instance, stored.entity_id)
    except NotWanted:
        return  # what intake noted of it is told below
    except NotNow as reason:
        raise WarehouseProblem(Kind.REFUSED, reason.reason, way_out=reason.way_out) from None
    except OutsideError as error:
        log.warning("handed over without reading the order again", fulfilment=stored.id, error=type(error).__name__)


def _hand_over(connection: Connection, config: InstanceConfig, fulfilment_id: int, by: str) -> HandedOver:
    stored = fulfilments.get(connection, fulfilment_id, lock=True)
    if stored is None:
        raise WarehouseProblem(Kind.MISSING, f"There is no fulfilment {fulfilment_id}.")
    if stored.state is FulfilmentState.HANDED_OVER:
        return HandedOver(stored.id, stored.increment_id, again=True)
    _check_state(stored)
    lines = [line for line in fulfilments.lines(connection, [fulfilment_id])[fulfilment_id] if line.quantity]
    fulfilments.note_handed_over(connection, fulfilment_id)
    connection.execute(
        text(
            "update order_line l set shipped = least(l.ordered - l.cancelled, l.shipped + f.shipped)"
            " from fulfilment_line f"
            " where f.fulfilment_id = :id and l.order_id = f.order_id and l.item_id = f.item_id"
        ),
        {"id": fulfilment_id},
    )
    left: dict[tuple[str, str], Decimal] = {}
    for line in lines:
        key = (stored.location, line.sku)
        left[key] = left.get(key, Decimal(0)) + line.quantity
    stock.gone(connection, left)
    fulfilments.derive_state(connection, fulfilment_id)
    orders.derive_lines(connection, stored.order_id)
    orders.derive_state(connection, stored.order_id)
    details = {"fulfilment": fulfilment_id, "location": stored.location, "by": by}
    orders.add_event(connection, stored.order_id, "handed_over", details)
    # Where the store wants it at packing it is planned already, unless the courier came before the papers.
    effects.plan(connection, fulfilling.create_shipment(config, stored), stored.order_id)
    notices.tell(connection, "dispatched", fulfilment_id)
    return HandedOver(stored.id, stored.increment_id)


def _check_state(stored: StoredFulfilment) -> None:
    if stored.state is FulfilmentState.CANCELLED or stored.order_state == "cancelled":
        raise WarehouseProblem(
            Kind.CONFLICT,
            f"Fulfilment {stored.id} of order {stored.increment_id} is cancelled: it must not leave.",
            way_out="Open the box and put the goods back on the shelf.",
        )
    if stored.order_state == "held":
        raise WarehouseProblem(
            Kind.REFUSED,
            f"Order {stored.increment_id} is on hold: it must not leave.",
            way_out="`magento-oms orders show` tells why; hand it over once the hold is released.",
        )
    if stored.state is FulfilmentState.ROUTED:
        raise WarehouseProblem(Kind.CONFLICT, f"Fulfilment {stored.id} is not packed yet.")
    if stored.state is not FulfilmentState.READY:
        raise WarehouseProblem(
            Kind.CONFLICT,
            f"The papers of fulfilment {stored.id} are not complete: its invoice, AWB or label is missing.",
            way_out="They come by themselves; `magento-oms orders show` tells what is missing and why.",
        )
