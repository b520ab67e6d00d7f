"""What becomes of an order when the store's latest word about it arrives. Data only; the rules are in the workflows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from magento_oms.domain.cancellation import Wish
from magento_oms.domain.orders import MagentoLine, MagentoOrder
from magento_oms.domain.quantities import Quantities
from magento_oms.domain.states import LineState, OrderState


@dataclass(frozen=True, slots=True)
class Payload:
    """An order as it came over the wire.

    Attributes:
        read_at: the store's clock when it was read, aware UTC.
        digest: of `raw`; the same digest means nothing changed.
    """

    entity_id: int
    raw: bytes
    digest: bytes
    read_at: datetime


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """What the OMS knows about an order already."""

    id: int
    entity_id: int
    state: OrderState
    history: bool
    shadow: bool
    acknowledged: bool
    magento_status: str
    magento_updated_at: datetime
    read_at: datetime
    digest: bytes
    quantities: dict[int, Quantities]
    holds: frozenset[str]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why an order goes to quarantine. `code` is the same for the same kind of trouble."""

    code: str
    reason: str
    way_out: str


@dataclass(frozen=True, slots=True)
class LineChange:
    """A line as it shall be."""

    line: MagentoLine
    quantities: Quantities
    state: LineState


@dataclass(frozen=True, slots=True)
class PlannedEffect:
    """An effect that the change calls for.

    Attributes:
        withheld: planned in shadow mode, never sent.
        even_if_stopped: wanted though its order is held or cancelled (a cancellation, a look at the other side).
        urgent: goes before all that waits already: a buyer looks out for it, or it stops what must not go on.
    """

    target: str
    kind: str
    subject: str
    lane: str
    withheld: bool = False
    even_if_stopped: bool = False
    urgent: bool = False
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OrderChange:
    """An order as it shall be, with what else follows. Written in one transaction.

    Attributes:
        place: holds to place, code → reason in words.
        release: codes of the holds to release.
        events: kind and details of what the time line shows.
        stop: whether effects that were not sent yet are no longer wanted.
        wish: what is not wanted any more of it, to be stopped wherever it is.
        route: whether a location must be found for some of it.
    """

    order: MagentoOrder
    payload: Payload
    state: OrderState
    history: bool
    shadow: bool
    payment_kind: str
    required_by: datetime
    lines: tuple[LineChange, ...]
    place: dict[str, str] = field(default_factory=dict)
    release: frozenset[str] = frozenset()
    events: tuple[tuple[str, dict[str, Any]], ...] = ()
    effects: tuple[PlannedEffect, ...] = ()
    stop: bool = False
    wish: Wish | None = None
    route: bool = False
    troubles: tuple[Trouble, ...] = ()
