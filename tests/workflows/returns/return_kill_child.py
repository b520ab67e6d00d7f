"""A process that forks workers, each of which lives one return and may be told to kill itself at a point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.workflows.fakes import NOW
from tests.workflows.forward.conftest import Forward, forward_config
from tests.workflows.forward.forward_kill_child import LATER, Life, World, live, push_to_rest
from tests.workflows.kill_child import serve
from tests.workflows.returns.conftest import Returns

from magento_oms.ports import ParcelStatus
from magento_oms.workflows.push import PushSummary
from magento_oms.workflows.returns.receive import Verdict
from magento_oms.workflows.returns.sync import sync
from magento_oms.workflows.returns.tracking import Brought

CONFIG = forward_config(
    notification_url="https://loom.example/oms/events",
    return_ack_url="https://loom.example/oms/returns",
    notifications={
        "magento_comment": ["return_placed", "return_processed", "return_cancelled"],
        "store_url": ["return_placed", "return_awb", "return_received", "return_processed", "return_cancelled"],
    },
    returns={"credit_memo": "all"},
)
CODE = "R1"
COMES = (ParcelStatus.RETURN_PICKED_UP, ParcelStatus.RETURN_IN_TRANSIT, ParcelStatus.RETURN_DELIVERED)
TURNS_ROUND = (ParcelStatus.PICKED_UP, ParcelStatus.RTO_INITIATED, ParcelStatus.RTO_DELIVERED)


@dataclass
class ReturnLife(Returns):
    """Returns, with pushes as a killed worker's successor does them: as often as something is due."""

    def _push(self, target: str, world: object, kinds: Sequence[Any]) -> PushSummary:
        return Forward._push(self, target, world, (*kinds, *self.kinds_of(target)))


class ReturnWorld(World):
    """All that is outside of a return."""

    life = ReturnLife
    config = CONFIG


# The steps of a return, each of which may be done again ---------------------------------------------------------------


def place(life: ReturnLife) -> None:
    """Two units come back, and we book the pickup."""
    life.give_back(_entity_id(life), life.asked(CODE, "U1", "U2", brought=Brought(book_pickup=True)))


def come(life: ReturnLife) -> None:
    """The courier brings it; its scans are told again, too."""
    life.clock = NOW
    life.scan(life.parcel_of(_entity_id(life), "reverse")["booking"], *COMES)


def receive(life: ReturnLife) -> None:
    """One unit passes, one does not."""
    life.take_in(_return(life), Verdict("U1", passed=True), Verdict("U2", passed=False, reason="TORN"))


def read_memos(life: ReturnLife) -> None:
    """`return_sync` finds our own credit memo."""
    sync(
        life.oms.url, life.store, life.config, start=NOW - timedelta(days=1), end=LATER + timedelta(days=1),
        run_id="test",
    )  # fmt: skip


def call_off(life: ReturnLife) -> None:
    """The customer keeps it."""
    life.call_off(_return(life))


def turn_round(life: ReturnLife) -> None:
    """Nobody opens: the courier brings the parcel back."""
    life.clock = NOW
    life.scan(life.parcel_of(_entity_id(life))["booking"], *TURNS_ROUND)


def take_back(life: ReturnLife) -> None:
    """All of it is there and passes."""
    [row] = life.oms.rows("select id from return_order")
    codes = sorted(life.units(row["id"]))
    life.take_in(row["id"], *(Verdict(code, passed=True) for code in codes))


STEPS: dict[str, Callable[[ReturnLife], object]] = {
    "place": place,
    "book": push_to_rest,
    "come": come,
    "receive": receive,
    "refund": push_to_rest,
    "read memos": read_memos,
    "call off": call_off,
    "undo": push_to_rest,
    "turn round": turn_round,
    "take back": take_back,
}
RETURNED: tuple[str, ...] = ("place", "book", "come", "receive", "refund", "read memos")
CALLED_OFF: tuple[str, ...] = ("place", "book", "call off", "undo")
BROUGHT_BACK: tuple[str, ...] = ("turn round", "take back", "refund", "read memos")


def _entity_id(life: ReturnLife) -> int:
    return int(next(iter(life.store.orders)))


def _return(life: ReturnLife) -> int:
    [row] = life.oms.rows("select id from return_order where return_code = :code", code=CODE)
    return int(row["id"])


if __name__ == "__main__":
    serve(lambda life: live(Life(**life), ReturnWorld, STEPS))
