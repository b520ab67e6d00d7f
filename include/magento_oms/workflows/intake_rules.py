"""The rules of intake: what becomes of an order, given what the store says now and what we knew before. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from typing import Any

from magento_oms.config.models import InstanceConfig, StatusMeaning, StoreConfig
from magento_oms.domain.intake import LineChange, OrderChange, Payload, PlannedEffect, StoredOrder, Trouble
from magento_oms.domain.orders import LineKind, MagentoLine, MagentoOrder, NotUnderstood
from magento_oms.domain.quantities import ZERO, Quantities, QuantitiesDoNotFit
from magento_oms.domain.states import (
    IllegalMove,
    OrderFacts,
    OrderState,
    check_line_move,
    check_order_move,
    line_state,
    order_state,
)
from magento_oms.workflows import cancel_rules

ACKNOWLEDGE = "acknowledge_order"
"""Kind of the effect that tells Magento that the order is being worked on."""

STATUS_HOLD = "magento_status"
UNKNOWN_STATUS = "unknown_status"
UNKNOWN_PAYMENT = "unknown_payment_method"
UNKNOWN_SKU = "unknown_sku"
REPLACES = "replaces_order"
OF_INTAKE = frozenset({STATUS_HOLD, UNKNOWN_STATUS, UNKNOWN_PAYMENT, UNKNOWN_SKU, REPLACES})
"""Holds that intake places and releases; all others are a person's, or wait for something that a person gives."""

GOES_ON = frozenset({StatusMeaning.PULL, StatusMeaning.HOLD})
"""Orders of these meanings are, or will be, worked on."""

CONFIGURE_AND_RETRY = "then `magento-oms quarantine retry` sends the order on."


@dataclass(frozen=True, slots=True)
class Predecessor:
    """The order that an edited one takes the place of, as far as the OMS has it: it is not cancelled here."""

    increment_id: str
    state: OrderState


def decide(
    order: MagentoOrder,
    payload: Payload,
    stored: StoredOrder | None,
    config: InstanceConfig,
    unknown_skus: frozenset[str] = frozenset(),
    predecessor: Predecessor | None = None,
) -> OrderChange | None:
    """What becomes of an order, or None where nothing does (ignored, or older news than what is stored).

    Args:
        unknown_skus: SKUs that the catalogue does not have. An order waits for them once, when it is new.
        predecessor: the order that this one replaces, while that one goes on here.

    Raises:
        NotUnderstood: the order goes to quarantine and what is stored stays as it is.
    """
    store = config.store(order.store_id)
    if store is None:
        raise NotUnderstood(
            "unknown_store",
            f"The order belongs to store view {order.store_id}, which is not configured.",
            f"Add it to instances/{config.code}.yaml, {CONFIGURE_AND_RETRY}",
        )
    if stored is not None and _older(order, payload, stored):
        return None
    meaning = store.statuses.meaning(order.status)
    if meaning is StatusMeaning.IGNORE and stored is None:
        return None
    if stored is not None and stored.state is OrderState.CANCELLED and meaning in GOES_ON:
        raise _backwards(f"it was cancelled, and Magento's status is {order.status} now")
    history = stored.history if stored else order.placed_at < store.live_from
    shadow = stored.shadow if stored else store.mode == "shadow"
    verdict = _judge(order, store, config, meaning, history)
    if not history and meaning in GOES_ON and (stored is None or UNKNOWN_SKU in stored.holds):
        verdict.holds.update(_waits_for(order, unknown_skus))
    if predecessor is not None and not history and (stored is None or REPLACES in stored.holds):
        verdict.holds[REPLACES] = _follows(predecessor)
    goes_on = not verdict.holds and not history
    # A store without locations ships elsewhere: then nothing is routed.
    lines = tuple(_line_changes(order, stored, meaning, allocate=goes_on and not store.locations))
    others = stored.holds - OF_INTAKE if stored else frozenset()
    facts = _facts(lines, history, verdict.holds.keys() | others, acknowledged=bool(stored and stored.acknowledged))
    state = order_state(facts)
    _check_moves(stored, lines, state)
    wanted = state is OrderState.ALLOCATED and meaning is StatusMeaning.PULL and not (stored and stored.acknowledged)
    return OrderChange(
        order=order,
        payload=payload,
        state=state,
        history=history,
        shadow=shadow,
        payment_kind=store.payment.payment_kind(order.payment_method) or "unknown",
        required_by=store.required_by(order.placed_at),
        lines=lines,
        place={code: text for code, text in verdict.holds.items() if not stored or code not in stored.holds},
        release=frozenset(_releasable(stored) - verdict.holds.keys()),
        events=tuple(_events(order, stored, state, lines, verdict)),
        effects=(acknowledgement(config, order.entity_id, shadow=shadow),) if wanted else (),
        stop=state is OrderState.CANCELLED,
        wish=cancel_rules.wish(order, stored, lines, meaning, store.payment.payment_kind(order.payment_method))
        if stored and not history
        else None,
        route=goes_on and bool(store.locations) and meaning is StatusMeaning.PULL and _unrouted(lines),
        troubles=tuple(verdict.troubles),
    )


def changes_nothing(change: OrderChange, stored: StoredOrder) -> bool:
    """Whether a known payload, decided upon again, comes to what is stored."""
    return (
        change.payload.digest == stored.digest
        and change.state is stored.state
        and not (change.place or change.release or change.effects)
    )


@dataclass(frozen=True, slots=True)
class _Verdict:
    holds: dict[str, str]
    troubles: list[Trouble]


def _older(order: MagentoOrder, payload: Payload, stored: StoredOrder) -> bool:
    """Whether what is stored is newer news: a page may have been read before, and be written after, another one."""
    return (order.updated_at, payload.read_at) < (stored.magento_updated_at, stored.read_at)


def _judge(
    order: MagentoOrder, store: StoreConfig, config: InstanceConfig, meaning: StatusMeaning | None, history: bool
) -> _Verdict:
    """Which holds the order is under, and what a person must be told."""
    verdict = _Verdict({}, [])
    if history:
        return verdict
    if meaning is StatusMeaning.HOLD:
        verdict.holds[STATUS_HOLD] = f"Magento's status is {order.status}: {store.statuses.hold[order.status]}"
    if meaning is None:
        reason = f"Magento's status {order.status!r} is not configured for store view {store.code}."
        verdict.holds[UNKNOWN_STATUS] = reason
        verdict.troubles.append(
            Trouble(
                UNKNOWN_STATUS,
                reason,
                f"Say in instances/{config.code}.yaml under `statuses` whether to pull, hold, ignore or cancel it, or "
                f"that it is finished; {CONFIGURE_AND_RETRY}",
            )
        )
    if store.payment.payment_kind(order.payment_method) is None and (meaning is None or meaning in GOES_ON):
        reason = f"The payment method {order.payment_method!r} is configured neither as COD nor as prepaid."
        verdict.holds[UNKNOWN_PAYMENT] = reason
        verdict.troubles.append(
            Trouble(
                UNKNOWN_PAYMENT,
                reason,
                f"Add it under `payment` in instances/{config.code}.yaml; {CONFIGURE_AND_RETRY}",
            )
        )
    return verdict


def _waits_for(order: MagentoOrder, unknown_skus: frozenset[str]) -> dict[str, str]:
    """The hold of an order that has SKUs which the catalogue does not."""
    missing = sorted({line.sku for line in order.lines} & unknown_skus)
    if not missing:
        return {}
    named = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
    return {UNKNOWN_SKU: f"The catalogue does not have {named} yet; it is read from Magento, then the order goes on."}


def _follows(predecessor: Predecessor) -> str:
    """Both must not be shipped."""
    name = predecessor.increment_id
    if predecessor.state in (OrderState.SHIPPED, OrderState.RETURNED):
        return (
            f"It replaces order {name}, which has left the warehouse: a person decides whether this one goes out, too"
            " (`magento-oms orders release`)."
        )
    return f"It replaces order {name}, which is not cancelled yet; it goes on by itself then."


def _releasable(stored: StoredOrder | None) -> set[str]:
    return set(stored.holds & OF_INTAKE) if stored else set()


def _line_changes(
    order: MagentoOrder, stored: StoredOrder | None, meaning: StatusMeaning | None, *, allocate: bool
) -> Iterable[LineChange]:
    if stored and {line.item_id for line in order.lines} != stored.quantities.keys():
        raise NotUnderstood(
            "lines_changed",
            "The order has other items than when it was stored, which Magento itself never does.",
            "Compare the order in Magento's admin with `magento-oms orders show`; a module that edits orders in place "
            "must cancel and re-create them as Magento's own edit does.",
        )
    for line in order.lines:
        try:
            quantities = _quantities(line, order, stored, meaning, allocate=allocate)
        except QuantitiesDoNotFit as error:
            raise NotUnderstood(
                "quantities_do_not_fit",
                f"Item {line.item_id}: {error}.",
                "Correct the order in Magento, then `magento-oms quarantine retry` reads it again.",
            ) from None
        yield LineChange(line, quantities, line_state(quantities))


def _quantities(
    line: MagentoLine, order: MagentoOrder, stored: StoredOrder | None, meaning: StatusMeaning | None, *, allocate: bool
) -> Quantities:
    allocate = allocate and line.kind is LineKind.PHYSICAL and meaning is StatusMeaning.PULL
    untouched = (
        not (line.invoiced or line.shipped or line.cancelled or line.refunded) and order.state not in cancel_rules.ENDED
    )
    if stored is None and untouched and meaning is not StatusMeaning.CANCELLED:
        # Most orders are new and untouched.
        return Quantities(ordered=line.ordered, allocated=line.ordered if allocate else ZERO)
    before = stored.quantities[line.item_id] if stored else Quantities(ordered=line.ordered)
    if cancel_rules.ended(order, meaning):
        cancelled = cancel_rules.cancelled_as_a_whole(line, order, before, stored)
    else:
        cancelled = cancel_rules.not_wanted(line, before)
        # What Magento says must fit in itself.
        Quantities(ordered=line.ordered, invoiced=line.invoiced, shipped=line.shipped, cancelled=line.cancelled)
    after = before.advanced(invoiced=line.invoiced, shipped=line.shipped, cancelled=cancelled)
    return after.allocate_rest() if allocate else after


def _unrouted(lines: Iterable[LineChange]) -> bool:
    """Whether some of it is promised by no location yet."""
    return any(
        change.line.kind is LineKind.PHYSICAL
        and change.quantities.allocated < change.quantities.ordered - change.quantities.cancelled
        for change in lines
    )


def _facts(lines: Iterable[LineChange], history: bool, holds: Set[str], *, acknowledged: bool) -> OrderFacts:
    physical = tuple(change.quantities for change in lines if change.line.kind is LineKind.PHYSICAL)
    others = tuple(change.quantities for change in lines if change.line.kind is not LineKind.PHYSICAL)
    return OrderFacts(physical, others, history, frozenset(holds), acknowledged)


def _check_moves(stored: StoredOrder | None, lines: Iterable[LineChange], state: OrderState) -> None:
    if stored is None:
        return
    try:
        check_order_move(stored.state, state)
        for change in lines:
            check_line_move(line_state(stored.quantities[change.line.item_id]), change.state)
    except IllegalMove as error:
        raise _backwards(str(error)) from None


def _backwards(how: str) -> NotUnderstood:
    return NotUnderstood(
        "backwards",
        f"Magento's latest word would take the order back: {how}.",
        "Compare the order in Magento's admin with `magento-oms orders show`. If Magento is right, a person must "
        "decide; `magento-oms quarantine dismiss` keeps what is stored.",
    )


def acknowledgement(config: InstanceConfig, entity_id: int, *, shadow: bool) -> PlannedEffect:
    """The effect that tells Magento that an order is being worked on."""
    subject = f"order:{entity_id}"
    return PlannedEffect(
        target=f"magento:{config.code}",
        kind=ACKNOWLEDGE,
        subject=subject,
        lane=f"magento:{config.code}:{subject}",
        withheld=shadow,
        urgent=True,
    )


def _events(
    order: MagentoOrder,
    stored: StoredOrder | None,
    state: OrderState,
    lines: Iterable[LineChange],
    verdict: _Verdict,
) -> Iterable[tuple[str, dict[str, Any]]]:
    """What the time line shows: first sight, Magento's status, holds, quantities that moved, and the state reached."""
    if stored is None:
        yield "received", {"status": order.status, "state": str(state)}
        for code, reason in verdict.holds.items():
            yield "held", {"code": code, "reason": reason}
        return
    if stored.magento_status != order.status:
        yield "magento_status", {"from": stored.magento_status, "to": order.status}
    for code, reason in verdict.holds.items():
        if code not in stored.holds:
            yield "held", {"code": code, "reason": reason}
    for code in sorted(_releasable(stored) - verdict.holds.keys()):
        yield "released", {"code": code}
    moved = {
        str(change.line.item_id): difference
        for change in lines
        if (difference := _difference(stored.quantities[change.line.item_id], change.quantities))
    }
    if moved:
        yield "quantities", {"items": moved}
    if stored.state is not state:
        yield "state", {"from": str(stored.state), "to": str(state)}


def _difference(before: Quantities, after: Quantities) -> dict[str, str]:
    names = ("allocated", "packed", "invoiced", "shipped", "cancelled", "returned")
    return {
        name: str(getattr(after, name) - getattr(before, name))
        for name in names
        if getattr(after, name) - getattr(before, name) != ZERO
    }
