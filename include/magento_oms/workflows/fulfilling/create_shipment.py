"""The effect that ships a fulfilment on Magento: its items, its MSI source, and a track for every parcel."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.domain.fulfilments import FulfilmentState
from magento_oms.ports import AlreadyDone, Json, MagentoOrderActions, PermanentError, Track
from magento_oms.storage import effects, fulfilments, inventory, orders
from magento_oms.storage.database import text
from magento_oms.storage.effects import ClaimedEffect
from magento_oms.storage.fulfilments import CarriedLine, StoredFulfilment
from magento_oms.storage.parcels import live_bookings_sql
from magento_oms.workflows.effect_kinds import NotNow, NotWanted, Result
from magento_oms.workflows.fulfilling import effects as fulfilling
from magento_oms.workflows.fulfilling.items import bundles, shipped_on, short_of
from magento_oms.workflows.fulfilling.stopped import refuse_stopped


@dataclass(frozen=True, slots=True)
class ShipmentSubject:
    """What is needed to ship one fulfilment on Magento.

    Attributes:
        reference: in the shipment's comment, so that it is found again.
        source: MSI source of the location; None: the store uses none.
    """

    stored: StoredFulfilment
    reference: str
    lines: list[CarriedLine]
    tracks: tuple[Track, ...]
    source: str | None


class CreateShipment:
    """See the module."""

    name = fulfilling.CREATE_SHIPMENT

    def __init__(self, config: InstanceConfig) -> None:
        self._config = config

    def read(self, connection: Connection, effect: ClaimedEffect) -> ShipmentSubject:
        """What `send` and `find` need to know.

        Raises:
            NotNow: stock of one of its SKUs is on its way to Magento, and may still count the units as kept.
        """
        subject = shipment_subject(connection, self._config, int(effect.details["fulfilment"]))
        skus = {line.sku for line in subject.lines}
        if effect.action == "send" and inventory.being_told(connection, self._config.code, skus):
            raise NotNow("Magento is being told the stock of its SKUs.", "It is shipped right after.", retry_in=1.0)
        return subject

    def send(self, magento: MagentoOrderActions, subject: ShipmentSubject) -> Result:
        """Read the order again, ship exactly what is handed over, and read back that it was.

        Raises:
            NotNow: the order is on hold on Magento.
            NotWanted: it was cancelled there meanwhile, or the fulfilment here.
            PermanentError: Magento has less to ship, or shipped something else.
        """
        stored = subject.stored
        if stored.state is FulfilmentState.CANCELLED:
            raise NotWanted(f"fulfilment {stored.id} of order {stored.increment_id} was cancelled")
        order = magento.order(stored.entity_id)
        refuse_stopped(order, stored)
        if shipment := ours(magento, subject):
            return _result(shipment)
        # Magento ships less than it is asked for, without a word, where less is left.
        items = to_ship(magento, order, subject)
        if short := short_of(order, items):
            raise PermanentError(
                f"Order {stored.increment_id}: Magento has less to ship than was handed over ({short}).",
                way_out="Somebody shipped or refunded it in Magento's admin: compare there, then dismiss this.",
            )
        comment = f"Handed over. {subject.reference}"
        try:
            made = magento.ship(
                stored.entity_id,
                items=items,
                tracks=subject.tracks,
                comment=comment,
                source_code=subject.source,
            )
        except AlreadyDone:
            made = ""
        shipment = ours(magento, subject)
        if shipment is None:
            raise PermanentError(
                f"Order {stored.increment_id}: Magento answered shipment {made or '-'}, and shows none of ours.",
                way_out="Look at the order's shipments in Magento's admin; `magento-oms quarantine retry` looks again.",
            )
        return _result(shipment)

    def find(self, magento: MagentoOrderActions, subject: ShipmentSubject) -> Result | None:
        """Look for a shipment with our reference, or one of our AWBs."""
        shipment = ours(magento, subject)
        return _result(shipment) if shipment else None

    def settle(self, connection: Connection, subject: ShipmentSubject, result: Result) -> None:
        """Note it, and have it read back."""
        stored = subject.stored
        details = {"fulfilment": stored.id, "shipment": result.facts["shipment"]}
        fulfilments.note_on_magento(connection, stored.id)
        orders.add_event(connection, stored.order_id, "shipped_on_magento", details)
        effects.plan(connection, fulfilling.fetch_shipment(self._config, stored), stored.order_id)


def shipment_subject(connection: Connection, config: InstanceConfig, fulfilment_id: int) -> ShipmentSubject:
    """What is to be shipped on Magento of a fulfilment."""
    stored = fulfilments.get(connection, fulfilment_id)
    if stored is None:
        raise PermanentError(f"There is no fulfilment {fulfilment_id}.")
    lines = fulfilments.lines(connection, [fulfilment_id])[fulfilment_id]
    store = config.store(stored.store_id)
    location = store.location(stored.location) if store else None
    rows = connection.execute(
        text(
            "select b.awb, b.booked -> 'courier' ->> 'name' as courier, b.aggregator"  # noqa: S608  (constants)
            f" from ({live_bookings_sql()}) b join parcel p on p.id = b.parcel_id"
            " where p.fulfilment_id = :id and p.direction = 'forward' and b.awb <> '' order by p.number"
        ),
        {"id": fulfilment_id},
    )
    return ShipmentSubject(
        stored,
        reference=f"[oms-shipment-{stored.instance}-{stored.id}]",
        lines=lines,
        tracks=tuple(Track(row.awb, row.courier or row.aggregator.title()) for row in rows),
        source=location.msi_source if location else None,
    )


def to_ship(magento: MagentoOrderActions, order: Json, subject: ShipmentSubject) -> dict[int, Decimal]:
    """Item id that Magento ships → units. Where there are bundles, their products are asked how they are shipped."""
    parts_of = bundles(order, subject.lines)
    return shipped_on(order, subject.lines, magento.shipped_apart(sorted(parts_of)) if parts_of else frozenset())


def ours(magento: MagentoOrderActions, subject: ShipmentSubject) -> Json | None:
    """The shipment of Magento that is this fulfilment's."""
    awbs = {track.number for track in subject.tracks}
    for shipment in magento.shipments_of(subject.stored.entity_id):
        commented = any(subject.reference in str(row.get("comment") or "") for row in shipment.get("comments") or ())
        tracked = any(str(row.get("track_number")) in awbs for row in shipment.get("tracks") or ())
        if commented or tracked:
            return shipment
    return None


def _result(shipment: Json) -> Result:
    return Result(f"Magento shipment {shipment.get('increment_id')}", facts={"shipment": str(shipment["entity_id"])})
