"""The effects that tell of returns: a comment on the Magento order, an event to the store's URL, and, once all of it
was received and checked, its acknowledgement to `return_ack_url`. None of them holds a name or an address.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig, StoreConfig
from magento_oms.domain.returns import BACK, JUDGED, UnitState
from magento_oms.storage import return_notices, returns
from magento_oms.storage.database import text
from magento_oms.storage.effects import ClaimedEffect
from magento_oms.storage.returns import StoredReturn, StoredUnit
from magento_oms.workflows.fulfilling.notify_store import Event, ToStoreUrl, event_id_of, heading
from magento_oms.workflows.fulfilling.tell_magento import Comment, CommentKind, comment_options

WORDS = {
    "return_placed": "Return placed",
    "return_awb": "Return has its AWB",
    "return_out_for_pickup": "The courier is out to pick the return up",
    "return_picked_up": "Return picked up by the courier",
    "return_in_transit": "Return on its way",
    "return_delivered": "Return at the warehouse's door",
    "return_qc_failed": "The courier's check of the return failed",
    "return_cancelled": "Return called off",
    "return_received": "Return received",
    "return_processed": "Return received and checked",
}
ACKNOWLEDGED = "return_acknowledged"
QC = {UnitState.PASSED: "PASS", UnitState.FAILED: "FAIL", UnitState.MISSING: "FAIL"}


class TellMagentoOfReturn(CommentKind):
    """Leaves a comment on the order."""

    name = return_notices.TELL_MAGENTO_OF_RETURN

    def __init__(self, config: InstanceConfig) -> None:
        self._config = config

    def read(self, connection: Connection, effect: ClaimedEffect) -> Comment:
        """What is to be told."""
        stored, units = _the(connection, effect)
        reference = f"[oms-{effect.subject.replace(':', '-')}]"
        event = effect.details["event"]
        awb = f", {stored.courier} {stored.awb}".replace(",  ", ", ") if stored.awb else ""
        said = f"{WORDS[event]}: {stored.return_code}{awb}. {_told(event, units)}. {reference}"
        return Comment(stored.entity_id, said, reference, comment_options(self._config.store(stored.store_id)))


class _OfReturn(ToStoreUrl):
    """An event of a return."""

    def __init__(self, config: InstanceConfig) -> None:
        self._config = config

    def _event(
        self,
        connection: Connection,
        effect: ClaimedEffect,
        name: str,
        url: Callable[[StoreConfig], object],
        item: Callable[[StoredUnit], dict[str, Any]],
    ) -> Event:
        stored, units = _the(connection, effect)
        planned = connection.execute(
            text("select planned_at from effect where id = :id"), {"id": effect.id}
        ).scalar_one()
        store = self._config.store(stored.store_id)
        event_id = event_id_of(effect)
        body = heading(stored, event_id, name, planned) | {
            "return": {
                "id": stored.id,
                "return_order_code": stored.return_code,
                "kind": str(stored.kind),
                "state": str(stored.state),
                "location": stored.location,
                "awb": stored.awb,
                "courier": stored.courier,
                "items": [item(unit) for unit in units],
            },
        }
        found = url(store) if store else None
        return Event(str(found) if found else "", event_id, body)


class NotifyStoreOfReturn(_OfReturn):
    """Sends an event to the store's `notification_url`."""

    name = return_notices.NOTIFY_STORE_OF_RETURN

    def read(self, connection: Connection, effect: ClaimedEffect) -> Event:
        """What is to be told."""
        return self._event(
            connection,
            effect,
            effect.details["event"],
            lambda store: store.notification_url,
            lambda unit: {"item_code": unit.item_code, "item_id": unit.item_id, "sku": unit.sku, "state": unit.state},
        )


class AcknowledgeReturn(_OfReturn):
    """Sends what was received, and what passed, to the store's `return_ack_url`, once all of it is judged."""

    name = return_notices.ACKNOWLEDGE_RETURN

    def read(self, connection: Connection, effect: ClaimedEffect) -> Event:
        """What is to be told: pictures of what failed, too."""
        return self._event(
            connection,
            effect,
            ACKNOWLEDGED,
            lambda store: store.return_ack_url,
            lambda unit: {
                "item_code": unit.item_code,
                "item_id": unit.item_id,
                "sku": unit.sku,
                "received": unit.state in BACK,
                "qc_status": QC.get(unit.state, ""),
                "qc_reason": unit.qc_reason or unit.cancelled_why,
                "images": list(unit.images),
            },
        )


def _the(connection: Connection, effect: ClaimedEffect) -> tuple[StoredReturn, Sequence[StoredUnit]]:
    return_id = int(effect.details["return"])
    return returns.known(connection, return_id), returns.units(connection, [return_id])[return_id]


def _told(event: str, units: Sequence[StoredUnit]) -> str:
    """Units by SKU, and once they are judged by what came of them."""
    if event in (return_notices.PROCESSED, return_notices.CANCELLED):
        shown = [unit for unit in units if event == return_notices.CANCELLED or unit.state in JUDGED]
        counted = Counter((unit.sku, str(unit.state), unit.qc_reason) for unit in shown)
        return "; ".join(
            f"{count} {sku} {state}{f' ({reason})' if reason else ''}"
            for (sku, state, reason), count in sorted(counted.items())
        )
    live = Counter(unit.sku for unit in units if unit.state is not UnitState.CANCELLED)
    return ", ".join(f"{count} {sku}" for sku, count in sorted(live.items())) or "nothing is left of it"
