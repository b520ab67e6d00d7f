"""The effect that reads a shipment back from Magento, compares it with ours, and keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson
from psycopg.types.json import Jsonb
from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.ports import Json, MagentoOrderActions
from magento_oms.storage import orders, quarantine
from magento_oms.storage.database import text
from magento_oms.storage.effects import ClaimedEffect
from magento_oms.workflows.effect_kinds import Result
from magento_oms.workflows.fulfilling import effects as fulfilling
from magento_oms.workflows.fulfilling.create_shipment import ShipmentSubject, ours, shipment_subject, to_ship

DIFFERS = "shipment_differs"


@dataclass(frozen=True, slots=True)
class Seen:
    """A shipment as Magento has it."""

    shipment_id: str
    items: dict[str, str]
    tracks: list[str]
    order_state: str
    differs: str


class FetchShipment:
    """See the module. Changes nothing outside, so doing it again is safe."""

    name = fulfilling.FETCH_SHIPMENT

    def __init__(self, config: InstanceConfig) -> None:
        self._config = config

    def read(self, connection: Connection, effect: ClaimedEffect) -> ShipmentSubject:
        """What `send` needs to know."""
        return shipment_subject(connection, self._config, int(effect.details["fulfilment"]))

    def send(self, magento: MagentoOrderActions, subject: ShipmentSubject) -> Result:
        """Read and compare."""
        shipment = ours(magento, subject)
        order = magento.order(subject.stored.entity_id)
        seen = _seen(shipment, order, subject, to_ship(magento, order, subject))
        return Result(seen.differs or f"agrees; the order is {seen.order_state} on Magento", facts={"seen": seen})

    def find(self, magento: MagentoOrderActions, subject: ShipmentSubject) -> Result | None:
        """Nothing to look for."""
        return None

    def settle(self, connection: Connection, subject: ShipmentSubject, result: Result) -> None:
        """Keep it; what differs goes to a person."""
        seen: Seen | None = result.facts.get("seen")
        if seen is None:
            return
        stored = subject.stored
        connection.execute(
            text(
                "insert into magento_shipment (order_id, shipment_id, fulfilment_id, items, tracks, differs)"
                " values (:order_id, :shipment_id, :fulfilment_id, :items, :tracks, :differs)"
                " on conflict (order_id, shipment_id) do update set items = excluded.items, tracks = excluded.tracks,"
                " differs = excluded.differs, fetched_at = now()"
            ),
            {
                "order_id": stored.order_id,
                "shipment_id": seen.shipment_id,
                "fulfilment_id": stored.id,
                "items": _json(seen.items),
                "tracks": _json(seen.tracks),
                "differs": seen.differs,
            },
        )
        if seen.differs:
            quarantine.open_(
                connection,
                instance=stored.instance,
                store_id=stored.store_id,
                subject=f"fulfilment:{stored.id}",
                code=DIFFERS,
                reason=f"Order {stored.increment_id}, fulfilment {stored.id}: {seen.differs}.",
                way_out="Compare the shipment in Magento's admin with `magento-oms orders show`, correct it there, then"
                " dismiss this.",
            )
        orders.add_event(
            connection,
            stored.order_id,
            "shipment_read_back",
            {"fulfilment": stored.id, "shipment": seen.shipment_id, "result": result.outcome},
        )


def _seen(shipment: Json | None, order: Json, subject: ShipmentSubject, ordered_items: Mapping[int, Decimal]) -> Seen:
    state = str(order.get("state") or "")
    if shipment is None:
        return Seen("-", {}, [], state, "Magento shows no shipment of it")
    items = {
        str(row["order_item_id"]): str(Decimal(str(row.get("qty") or 0)).normalize())
        for row in shipment.get("items") or ()
    }
    tracks = [str(row.get("track_number")) for row in shipment.get("tracks") or ()]
    differences = []
    ordered = {str(item): units.normalize() for item, units in ordered_items.items()}
    if missing := [item for item, units in ordered.items() if Decimal(items.get(item, "0")) != units]:
        differences.append(
            ", ".join(f"item {item}: Magento shipped {items.get(item, '0')}, we {ordered[item]:f}" for item in missing)
        )
    if absent := [track.number for track in subject.tracks if track.number not in tracks]:
        differences.append(f"Magento lacks the track {', '.join(absent)}")
    return Seen(str(shipment["entity_id"]), items, tracks, state, "; ".join(differences))


def _json(value: Any) -> Jsonb:
    return Jsonb(value, dumps=orjson.dumps)
