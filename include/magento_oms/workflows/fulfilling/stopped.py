"""Whether an order that was read at the store just now may go on there: Magento itself would let an unpaid one ship."""

from __future__ import annotations

from magento_oms.ports import Json
from magento_oms.storage.fulfilments import StoredFulfilment
from magento_oms.workflows.cancel_rules import ENDED
from magento_oms.workflows.effect_kinds import NotNow, NotWanted

WAITS = {"holded": "is on hold", "payment_review": "is in payment review", "pending_payment": "waits for its payment"}


def refuse_stopped(order: Json, stored: StoredFulfilment) -> None:
    """Raises NotWanted where the order was cancelled or refunded in full, NotNow where it waits. Intake reads either,
    and has what follows done: what has left by then is called back.
    """
    state = str(order.get("state"))
    if state in ENDED:
        raise NotWanted(f"order {stored.increment_id} is {state} on Magento")
    if state in WAITS:
        raise NotNow(f"Order {stored.increment_id} {WAITS[state]} on Magento.", "It goes on when that has ended.")
