"""Taking orders in: a page of payloads becomes orders, effects, and quarantine, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from magento_oms.config.models import InstanceConfig
from magento_oms.domain.intake import OrderChange, Payload, Trouble
from magento_oms.domain.orders import MagentoOrder, NotUnderstood
from magento_oms.domain.states import OrderState
from magento_oms.mapping.magento_orders import magento_order
from magento_oms.ports import Json, OrderPage
from magento_oms.storage import catalogue, edited_orders, exchanges, inbox, orders, quarantine
from magento_oms.storage.database import autocommit, engine
from magento_oms.workflows import cancel_rules
from magento_oms.workflows.cancelling.carry_out import Freed, carry_out
from magento_oms.workflows.intake_rules import UNKNOWN_SKU, Predecessor, changes_nothing, decide

log = structlog.get_logger(__name__)

InSameTransaction = Callable[[Connection], None]


@dataclass(slots=True)
class IntakeCounts:
    """What became of the orders read. `unchanged` were known as they are; `ignored` have a status to ignore."""

    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    ignored: int = 0
    quarantined: int = 0

    def __add__(self, other: IntakeCounts) -> IntakeCounts:
        return IntakeCounts(
            *(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__)  # in order
        )


@dataclass(slots=True)
class _Batch:
    """The orders of a page that are not stored as they are."""

    understood: dict[int, tuple[MagentoOrder, Payload]] = field(default_factory=dict)
    troubles: dict[int, tuple[NotUnderstood, Payload, int | None]] = field(default_factory=dict)


def digest(raw: bytes) -> bytes:
    """Of an order's JSON text."""
    return blake2b(raw, digest_size=16).digest()


def take_in(
    url: str,
    config: InstanceConfig,
    page: OrderPage,
    *,
    and_also: InSameTransaction | None = None,
    decide_again: bool = False,
) -> IntakeCounts:
    """Take a page of orders in.

    An order that cannot be understood goes to quarantine with its payload; the others go on. Repeating a page, or
    reading it beside another run, changes nothing.

    Args:
        and_also: called in the same transaction (to move the watermark over the rows that were written).
        decide_again: decide also upon orders that are stored from these very payloads, and settle their quarantine:
            the configuration or the rules may have changed since.
    """
    payloads = [
        (payload, Payload(int(payload["entity_id"]), raw, digest(raw), page.server_time))
        for payload, raw in zip(page.orders, page.raw, strict=True)
    ]
    # The last of a page's repeats is the newest: rows move while pages are read.
    latest = {item.entity_id: (payload, item) for payload, item in payloads}
    try:
        counts = _store(url, config, list(latest.values()), and_also, decide_again)
    except IntegrityError:
        # Another run stored one of the new orders between our look and our write: now it is known, so decide again.
        counts = _store_one_by_one(url, config, list(latest.values()), and_also, decide_again)
    except DataError:
        # One of the orders cannot be written as it is (a character or figure that the database refuses).
        counts = _store_one_by_one(url, config, list(latest.values()), and_also, decide_again)
    counts.read = len(payloads)
    return counts


def _store(
    url: str,
    config: InstanceConfig,
    payloads: Sequence[tuple[Json, Payload]],
    and_also: InSameTransaction | None,
    decide_again: bool,
) -> IntakeCounts:
    counts = IntakeCounts()
    free_to_go: list[int] = []
    with engine(url).begin() as connection:
        known = orders.digests(connection, config.code, [item.entity_id for _, item in payloads])
        fresh = [
            (payload, item) for payload, item in payloads if decide_again or known.get(item.entity_id) != item.digest
        ]
        counts.unchanged = len(payloads) - len(fresh)
        if fresh:
            free_to_go = _write(connection, config, fresh, known, counts, decide_again)
        if and_also:
            and_also(connection)
    if free_to_go:
        with autocommit(url) as connection:
            page = inbox.newest(connection, config.code, free_to_go)
        take_in(url, config, page, decide_again=True)
    return counts


def _write(
    connection: Connection,
    config: InstanceConfig,
    fresh: Sequence[tuple[Json, Payload]],
    known: dict[int, bytes | None],
    counts: IntakeCounts,
    decide_again: bool,
) -> list[int]:
    """Write what became of the orders. Returns those that waited for one of these to be cancelled."""
    batch = _understand(fresh)
    waits_for = _open_predecessors(connection, config, batch)
    stored = orders.load_for_update(connection, config.code, sorted(batch.understood.keys() & known.keys()))
    unknown_skus = catalogue.unknown(connection, config.code, _wanted(order for order, _ in batch.understood.values()))
    new: list[OrderChange] = []
    changed: list[OrderChange] = []
    for entity_id, (order, item) in batch.understood.items():
        try:
            change = decide(order, item, stored.get(entity_id), config, unknown_skus, waits_for.get(entity_id))
        except NotUnderstood as error:
            batch.troubles[entity_id] = (error, item, order.store_id)
            continue
        if change is None:
            counts.ignored += 1
        elif not decide_again and entity_id in stored and changes_nothing(change, stored[entity_id]):
            counts.unchanged += 1
        else:
            (changed if entity_id in stored else new).append(change)
    inbox = _keep_payloads(connection, config, [*new, *changed], batch, decide_again)
    orders.insert_new(connection, config.code, new)
    exchanges.join_new(connection, config.code, [change.order.increment_id for change in new])
    for change in changed:
        orders.update(connection, stored[change.order.entity_id], change)
    freed = Freed()
    for change in changed:
        if change.wish is not None:
            carry_out(connection, stored[change.order.entity_id].id, change.wish, freed)
    freed.write(connection, config)
    waiting = [change.order for change in (*new, *changed) if UNKNOWN_SKU in change.place]
    catalogue.wait_for(connection, config.code, (each for each in _wanted(waiting) if each.sku in unknown_skus))
    _settle_quarantine(connection, config, [*new, *changed], inbox)
    for entity_id, (trouble, item, store_id) in batch.troubles.items():
        _quarantine(connection, config, entity_id, trouble, store_id, inbox[item.digest])
    counts.new, counts.changed, counts.quarantined = len(new), len(changed), len(batch.troubles)
    return edited_orders.waiting_for(connection, config.code, [_replaced_by(change) for change in changed])


def _open_predecessors(connection: Connection, config: InstanceConfig, batch: _Batch) -> dict[int, Predecessor]:
    """Of orders that an edit placed: the ones that they replace and that go on here, unless this page ends them."""
    replaced = {
        entity_id: str(order.relation["replaces"])
        for entity_id, (order, _) in batch.understood.items()
        if order.relation and "replaces" in order.relation
    }
    if not replaced:
        return {}
    ending = {order.increment_id for order, _ in batch.understood.values() if order.state in cancel_rules.ENDED}
    states = edited_orders.states_of(
        connection, config.code, [name for name in replaced.values() if name not in ending]
    )
    return {
        entity_id: Predecessor(name, states[name])
        for entity_id, name in replaced.items()
        if name in states and states[name] not in (OrderState.CANCELLED, OrderState.HISTORY)
    }


def _replaced_by(change: OrderChange) -> str:
    """The order that took the place of one that was cancelled; empty: none, or it is not cancelled."""
    ended = change.state is OrderState.CANCELLED
    return str((change.order.relation or {}).get("replaced_by", "")) if ended else ""


def _wanted(understood: Iterable[MagentoOrder]) -> set[catalogue.Wanted]:
    return {catalogue.Wanted(line.sku, line.product_id) for order in understood for line in order.lines}


def _understand(fresh: Sequence[tuple[Json, Payload]]) -> _Batch:
    batch = _Batch()
    for payload, item in fresh:
        try:
            batch.understood[item.entity_id] = (magento_order(payload), item)
        except NotUnderstood as error:
            batch.troubles[item.entity_id] = (error, item, None)
    return batch


def _keep_payloads(
    connection: Connection, config: InstanceConfig, changes: Sequence[OrderChange], batch: _Batch, decide_again: bool
) -> dict[bytes, int]:
    """Raw payloads into the inbox, all but those that are there already (an order in quarantine is read every hour)."""
    payloads = [change.payload for change in changes]
    troubled = [item for _, item, _ in batch.troubles.values()]
    perhaps_known = [*payloads, *troubled] if decide_again else troubled
    known = inbox.known(connection, config.code, perhaps_known) if perhaps_known else {}
    payloads = [item for item in [*payloads, *troubled] if item.digest not in known]
    ids = inbox.insert(connection, config.code, payloads)
    return known | {item.digest: inbox_id for item, inbox_id in zip(payloads, ids, strict=True)}


def _settle_quarantine(
    connection: Connection, config: InstanceConfig, changes: Sequence[OrderChange], inbox: dict[bytes, int]
) -> None:
    """Open what these orders' troubles are now; resolve those of before that are gone."""
    for change in changes:
        if change.troubles:
            orders.open_troubles(connection, config.code, change, inbox[change.payload.digest])
    fine = [f"order:{change.order.entity_id}" for change in changes if not change.troubles]
    quarantine.resolve_many(connection, config.code, fine, resolution="understood when read again")


def _quarantine(
    connection: Connection,
    config: InstanceConfig,
    entity_id: int,
    error: NotUnderstood,
    store_id: int | None,
    inbox_id: int,
) -> None:
    trouble = Trouble(error.code, error.reason, error.way_out)
    log.warning("order in quarantine", instance=config.code, entity_id=entity_id, code=trouble.code)
    quarantine.open_(
        connection,
        instance=config.code,
        store_id=store_id,
        subject=f"order:{entity_id}",
        code=trouble.code,
        reason=trouble.reason,
        way_out=trouble.way_out,
        inbox_id=inbox_id,
    )


def _store_one_by_one(
    url: str,
    config: InstanceConfig,
    payloads: Sequence[tuple[Json, Payload]],
    and_also: InSameTransaction | None,
    decide_again: bool,
) -> IntakeCounts:
    """The careful way: one order's trouble with the database is that order's alone."""
    counts = IntakeCounts()
    for payload, item in payloads:
        for last_try in (False, True):
            try:
                counts += _store(url, config, [(payload, item)], None, decide_again)
                break
            except IntegrityError as error:
                if last_try:
                    counts += _could_not_store(url, config, item, error)
            except DataError as error:
                counts += _could_not_store(url, config, item, error)
                break
    if and_also:
        with engine(url).begin() as connection:
            and_also(connection)
    return counts


def _could_not_store(url: str, config: InstanceConfig, item: Payload, error: DBAPIError) -> IntakeCounts:
    trouble = NotUnderstood(
        "could_not_store",
        f"The database refused the order: {type(error.orig).__name__}.",
        "Look for odd characters or figures in the order in Magento's admin, correct them there; then "
        "`magento-oms quarantine retry` reads it again.",
    )
    with engine(url).begin() as connection:
        batch = _Batch(troubles={item.entity_id: (trouble, item, None)})
        inbox = _keep_payloads(connection, config, [], batch, False)
        _quarantine(connection, config, item.entity_id, trouble, None, inbox[item.digest])
    return IntakeCounts(quarantined=1)
