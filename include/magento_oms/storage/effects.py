"""The outbox: effects are planned in the transaction of the change that calls for them, and carried out once.

A worker claims a due effect (`sending` is committed before the call) under a token that its result must carry. A claim
that expired without a result leaves the outcome open: the effect becomes `unknown` and is settled by looking.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from psycopg.errors import DeadlockDetected, UniqueViolation
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, Row
from sqlalchemy.exc import DBAPIError

from magento_oms.domain.effects import EffectState, check_move
from magento_oms.domain.intake import PlannedEffect
from magento_oms.storage.database import copy_into, notify, text

LOOKS = 2
"""How often nothing must be found before an effect of unknown outcome counts as not having happened."""


@dataclass(frozen=True, slots=True)
class ClaimedEffect:
    """An effect that this worker, and no other, may carry out (`send`) or look up (`find`) until the claim expires.

    Attributes:
        action: `send` or `find`.
        number: of the attempt.
        not_found: looks that found nothing so far.
    """

    id: int
    target: str
    kind: str
    subject: str
    generation: int
    order_id: int | None
    details: dict[str, Any]
    action: str
    number: int
    not_found: int
    claim: str


class ClaimLost(Exception):
    """The claim expired and the effect belongs to somebody else: this worker's result does not count."""


def signal(target: str) -> str:
    """The signal that wakes the push of `target`."""
    return f"effects:{target}"


# --------------------------------------------------------------------------------------------------------------------
# Planning
# --------------------------------------------------------------------------------------------------------------------


def copy_new(connection: Connection, planned: Sequence[tuple[int, PlannedEffect]]) -> None:
    """Plan effects of orders that were stored in this very transaction (so none can exist yet)."""
    if not planned:
        return
    rows = _rows(planned)
    with copy_into(connection, "effect", tuple(rows[0])) as copy:
        for row in rows:
            copy.write_row(list(row.values()))
    _wake(connection, planned)


_PLAN = text(
    "insert into effect"
    " (target, kind, subject, generation, lane, order_id, state, even_if_stopped, urgent, details)"
    " select :target, :kind, :subject, coalesce(max(generation), 0) + 1, :lane, :order_id, :state,"
    " :even_if_stopped, :urgent, :details"
    " from effect where target = :target and kind = :kind and subject = :subject"
    " having count(*) filter (where state <> 'cancelled') = 0"
    " on conflict do nothing returning id"
)


def plan_many(connection: Connection, planned: Sequence[tuple[int, PlannedEffect]]) -> None:
    """Plan effects that wait for none other, as `plan` does it for one."""
    if not planned:
        return
    connection.execute(_PLAN, _rows(planned))
    _wake(connection, planned)


def plan(
    connection: Connection, effect: PlannedEffect, order_id: int | None, *, after: Iterable[int] = ()
) -> int | None:
    """Plan an effect; None where one of its kind and subject is planned, under way or done already.

    After a cancelled one it is a new generation. With `after` it waits until those are done.
    """
    waits = _not_done(connection, after)
    state = EffectState.WITHHELD if effect.withheld else EffectState.PLANNED if waits else EffectState.DUE
    effect_id = connection.execute(_PLAN, _values(effect, order_id, state)).scalar()
    if effect_id is None:
        return None
    for other in waits:
        connection.execute(
            text("insert into effect_after (effect_id, after_id) values (:id, :after)"),
            {"id": effect_id, "after": other},
        )
    if state is EffectState.DUE:
        notify(connection, signal(effect.target))
    return int(effect_id)


def _rows(planned: Iterable[tuple[int, PlannedEffect]]) -> list[dict[str, Any]]:
    """The values of effects that wait for none other, by the names of their columns."""
    return [
        _values(effect, order_id, EffectState.WITHHELD if effect.withheld else EffectState.DUE)
        for order_id, effect in planned
    ]


def _wake(connection: Connection, planned: Iterable[tuple[int, PlannedEffect]]) -> None:
    for target in {effect.target for _, effect in planned if not effect.withheld}:
        notify(connection, signal(target))


def _values(effect: PlannedEffect, order_id: int | None, state: EffectState) -> dict[str, Any]:
    return {
        "target": effect.target,
        "kind": effect.kind,
        "subject": effect.subject,
        "lane": effect.lane,
        "order_id": order_id,
        "state": str(state),
        "even_if_stopped": effect.even_if_stopped,
        "urgent": effect.urgent,
        "details": _json(effect.details),
    }


def _not_done(connection: Connection, effect_ids: Iterable[int]) -> list[int]:
    """Those of the effects that are not done, kept from being done until this transaction ends."""
    if not (ids := list(effect_ids)):
        return []
    rows = connection.execute(
        text("select id, state from effect where id = any(:ids) order by id for share"), {"ids": ids}
    )
    return [row.id for row in rows if row.state != EffectState.DONE]


def cancel_unsent_of(connection: Connection, target: str, subject: str) -> int:
    """Cancel the effects about one subject that were not sent, but those that are wanted even if it is stopped."""
    return connection.execute(
        text(
            "update effect set state = 'cancelled', finished_at = now(), claim = null"
            " where target = :target and subject = :subject and state in ('planned', 'due') and not even_if_stopped"
        ),
        {"target": target, "subject": subject},
    ).rowcount


def wake_released(connection: Connection, order_id: int) -> None:
    """Wake those who carry out the order's due effects: it is no longer held."""
    for target in connection.execute(
        text("select distinct target from effect where order_id = :id and state = 'due'"), {"id": order_id}
    ).scalars():
        notify(connection, signal(target))


def cancel_unsent(connection: Connection, order_id: int) -> int:
    """Cancel the order's effects that were not sent: no longer wanted. Those under way are left to their outcome."""
    return connection.execute(
        text(
            "update effect set state = 'cancelled', finished_at = now(), claim = null"
            " where order_id = :id and state in ('planned', 'due') and not even_if_stopped"
        ),
        {"id": order_id},
    ).rowcount


# --------------------------------------------------------------------------------------------------------------------
# Carrying out
# --------------------------------------------------------------------------------------------------------------------


def expire_claims(connection: Connection, target: str, settle_delay: timedelta) -> int:
    """Make effects whose worker vanished `unknown`; they are looked up once the settle delay has passed."""
    return connection.execute(
        text(
            "update effect set state = 'unknown', claim = null, claimed_until = null, due_at = now() + :delay,"
            " last_error = 'The worker that sent it ended before it could note the outcome.'"
            " where target = :target and state = 'sending' and claimed_until < now()"
        ),
        {"target": target, "delay": settle_delay},
    ).rowcount


_CLAIM = text(
    "with free as ("
    "  select e.id, e.lane, e.state, e.urgent, e.due_at from effect e"
    "  where e.target = :target and e.state in ('due', 'unknown') and e.due_at <= now()"
    "  and (e.claimed_until is null or e.claimed_until < now())"
    "  and (e.even_if_stopped or e.state = 'unknown' or not exists ("
    "    select 1 from sales_order o where o.id = e.order_id and o.state = 'held'))"
    "  and not exists (select from hold_switch where hold_switch.target in (:target, '*'))"
    "  and not exists (select 1 from effect b where b.lane = e.lane and b.id <> e.id"
    "    and b.state in ('sending', 'unknown') and (b.state = 'sending' or e.state = 'due'))"
    "  order by e.urgent desc, e.due_at, e.id limit :limit for update skip locked"
    "), first as (select distinct on (lane) id, state from free order by lane, urgent desc, due_at, id"
    "), claimed as (update effect e set"
    "  claim = :claim, claimed_until = now() + :lease, attempts = e.attempts + 1,"
    "  state = case when first.state = 'due' then 'sending' else e.state end"
    " from first where e.id = first.id"
    " returning e.id, e.target, e.kind, e.subject, e.generation, e.order_id, e.details, first.state as was,"
    " e.attempts, e.not_found"
    "), noted as (insert into effect_attempt (effect_id, number, action)"
    "  select id, attempts, case when was = 'due' then 'send' else 'find' end from claimed)"
    " select * from claimed order by id"
)


def claim_due(connection: Connection, target: str, *, limit: int, lease: timedelta) -> list[ClaimedEffect]:
    """Claim up to `limit` effects that are due, one a lane, by one statement that commits by itself (`autocommit`).

    The urgent ones come first, then those that have waited longest. Due ones are sent, but those of an order on hold,
    which wait; those of unknown outcome are looked up. A lane in which another effect is under way, or of unknown
    outcome, waits. While the target is held, none is claimed. Nor is any where another worker claims in one of these
    lanes at the same moment: the unique index on the lane sees to it.
    """
    try:
        rows = connection.execute(
            _CLAIM, {"target": target, "limit": limit, "lease": lease, "claim": (claim := secrets.token_hex(8))}
        ).all()
    except DBAPIError as error:
        if isinstance(error.orig, (UniqueViolation, DeadlockDetected)):
            return []
        raise
    return [_claimed(row, claim) for row in rows]


def _claimed(row: Row[Any], claim: str) -> ClaimedEffect:
    return ClaimedEffect(
        id=row.id,
        target=row.target,
        kind=row.kind,
        subject=row.subject,
        generation=row.generation,
        order_id=row.order_id,
        details=row.details,
        action="send" if row.was == EffectState.DUE else "find",
        number=row.attempts,
        not_found=row.not_found,
        claim=claim,
    )


def done(
    connection: Connection, effect: ClaimedEffect, *, outcome: str, exchange: dict[str, Any] | None = None
) -> None:
    """It happened. What waited for it becomes due."""
    _finish(connection, effect, EffectState.DONE, outcome=outcome, exchange=exchange)
    # Locked first: of two that are done at the same moment, the later one sees the other.
    waiting = connection.execute(
        text(
            "select id from effect where state = 'planned'"
            " and id in (select effect_id from effect_after where after_id = :id) order by id for update"
        ),
        {"id": effect.id},
    )
    if waiting.first() is None:
        return
    for target in connection.execute(
        text(
            "update effect e set state = 'due', due_at = now() where e.state = 'planned'"
            " and e.id in (select effect_id from effect_after where after_id = :id)"
            " and not exists (select 1 from effect_after a join effect b on b.id = a.after_id"
            "   where a.effect_id = e.id and b.state <> 'done')"
            " returning e.target"
        ),
        {"id": effect.id},
    ).scalars():
        notify(connection, signal(target))


def not_happened(
    connection: Connection,
    effect: ClaimedEffect,
    *,
    error: str,
    way_out: str,
    retry_in: timedelta,
    exchange: dict[str, Any] | None = None,
) -> None:
    """It is known not to have happened: due again after `retry_in`, or cancelled where it is no longer wanted."""
    _lock_order(connection, effect.id)
    _finish(
        connection,
        effect,
        EffectState.DUE,
        outcome="not happened",
        exchange=exchange,
        error=error,
        way_out=way_out,
        due_in=retry_in,
    )
    _cancel_if_stopped(connection, effect.id)


def not_wanted(connection: Connection, effect: ClaimedEffect, *, why: str) -> None:
    """Nothing was sent and nothing shall be: it is cancelled, and what waits for it."""
    _finish(connection, effect, EffectState.DUE, outcome=f"not wanted: {why}")
    connection.execute(
        text("update effect set state = 'cancelled', finished_at = now() where id = :id"), {"id": effect.id}
    )
    cancel_waiting(connection, effect.id)


def cancel_waiting(connection: Connection, effect_id: int) -> None:
    """Cancel what waits for an effect that will not be done, and what waits for that."""
    connection.execute(
        text(
            "with recursive waiting as ("
            "  select effect_id from effect_after where after_id = :id"
            "  union select a.effect_id from effect_after a join waiting w on a.after_id = w.effect_id"
            ") update effect set state = 'cancelled', finished_at = now()"
            " where state = 'planned' and id in (select effect_id from waiting)"
        ),
        {"id": effect_id},
    )


def failed(
    connection: Connection, effect: ClaimedEffect, *, error: str, way_out: str, exchange: dict[str, Any] | None = None
) -> None:
    """Refused for good. The caller puts it into quarantine in the same transaction."""
    _finish(connection, effect, EffectState.FAILED, outcome="refused", exchange=exchange, error=error, way_out=way_out)


def outcome_unknown(
    connection: Connection,
    effect: ClaimedEffect,
    *,
    error: str,
    settle_delay: timedelta,
    exchange: dict[str, Any] | None = None,
) -> None:
    """It may have happened: looked up after the settle delay. Also after a look that failed itself."""
    _finish(
        connection, effect, EffectState.UNKNOWN, outcome="unknown", exchange=exchange, error=error, due_in=settle_delay
    )


def nothing_found(connection: Connection, effect: ClaimedEffect, *, look_again_in: timedelta) -> None:
    """A look found nothing. After the second one it counts as not having happened and is due again."""
    if effect.not_found + 1 < LOOKS:
        _finish(connection, effect, EffectState.UNKNOWN, outcome="not found", due_in=look_again_in, looks=1)
    else:
        _lock_order(connection, effect.id)
        _finish(
            connection, effect, EffectState.DUE, outcome="not found twice: not happened", due_in=timedelta(0), looks=-1
        )
        _cancel_if_stopped(connection, effect.id)


# While an effect was under way its order may have been cancelled, which `cancel_unsent` left to its outcome.
# So whoever makes it due again looks at the order, under the lock that intake holds when it plans and cancels.


def _lock_order(connection: Connection, effect_id: int) -> None:
    connection.execute(
        text("select 1 from sales_order where id = (select order_id from effect where id = :id) for share"),
        {"id": effect_id},
    )


def _cancel_if_stopped(connection: Connection, effect_id: int) -> bool:
    return bool(
        connection.execute(
            text(
                "update effect e set state = 'cancelled', finished_at = now() from sales_order o"
                " where e.id = :id and e.state = 'due' and o.id = e.order_id and o.state = 'cancelled'"
                " and not e.even_if_stopped"
            ),
            {"id": effect_id},
        ).rowcount
    )


def _finish(
    connection: Connection,
    effect: ClaimedEffect,
    after: EffectState,
    *,
    outcome: str,
    exchange: dict[str, Any] | None = None,
    error: str | None = None,
    way_out: str | None = None,
    due_in: timedelta = timedelta(0),
    looks: int = 0,
) -> None:
    before = EffectState.SENDING if effect.action == "send" else EffectState.UNKNOWN
    if before is not after:
        check_move(before, after)
    final = after in (EffectState.DONE, EffectState.FAILED)
    changed = connection.execute(
        text(
            "with changed as ("
            "  update effect set state = :after, claim = null, claimed_until = null, due_at = now() + :due_in,"
            "  not_found = case when :looks < 0 then 0 else not_found + :looks end, last_error = :error,"
            "  way_out = :way_out, finished_at = case when :final then now() end"
            "  where id = :id and claim = :claim and state = :before returning id"
            ") update effect_attempt a set ended_at = clock_timestamp(), outcome = :outcome, exchange = :exchange"
            " from changed where a.effect_id = changed.id and a.number = :number"
        ),
        {
            "id": effect.id,
            "claim": effect.claim,
            "before": str(before),
            "after": str(after),
            "due_in": due_in,
            "looks": looks,
            "error": error,
            "way_out": way_out,
            "final": final,
            "number": effect.number,
            "outcome": outcome if error is None else f"{outcome}: {error}",
            "exchange": _json(exchange) if exchange else None,
        },
    ).rowcount
    if not changed:
        raise ClaimLost(f"effect {effect.id} was claimed by another worker meanwhile")


def next_due(connection: Connection, target: str) -> datetime | None:
    """When the next effect of `target` is due (perhaps in the past) or a claim expires; None: nothing waits."""
    return connection.execute(
        text(
            "select min(due) from ("
            " select min(greatest(due_at, claimed_until)) as due from effect"
            "  where target = :target and (state = 'unknown' or state = 'due' and (even_if_stopped or not exists ("
            "   select 1 from sales_order o where o.id = effect.order_id and o.state = 'held')))"
            " union all select min(claimed_until) from effect where target = :target and state = 'sending') as all_due"
        ),
        {"target": target},
    ).scalar()


# --------------------------------------------------------------------------------------------------------------------
# A person's hand
# --------------------------------------------------------------------------------------------------------------------


def send_on(connection: Connection, effect_id: int) -> bool:
    """Make a failed effect due again (cancelled, if its order is); whether there was one."""
    _lock_order(connection, effect_id)
    target = connection.execute(
        text(
            "update effect set state = 'due', due_at = now(), finished_at = null, not_found = 0"
            " where id = :id and state = 'failed' returning target"
        ),
        {"id": effect_id},
    ).scalar()
    if target is None:
        return False
    if not _cancel_if_stopped(connection, effect_id):
        notify(connection, signal(target))
    return True


def give_up(connection: Connection, effect_id: int) -> bool:
    """Cancel a failed effect; whether there was one."""
    return bool(
        connection.execute(
            text("update effect set state = 'cancelled', finished_at = now() where id = :id and state = 'failed'"),
            {"id": effect_id},
        ).rowcount
    )


def look_all_up(connection: Connection, target: str | None = None) -> int:
    """After a restored backup: everything that is not final becomes `unknown`, to be looked up before it is sent.

    What was due when the backup was made may have been sent since.
    """
    return connection.execute(
        text(
            "update effect set state = 'unknown', claim = null, claimed_until = null, due_at = now(), not_found = 0,"
            " last_error = 'The database was restored: looked up before it is sent.'"
            " where state in ('due', 'sending', 'unknown') and (cast(:target as text) is null or target = :target)"
        ),
        {"target": target},
    ).rowcount


def _json(value: dict[str, Any]) -> Jsonb:
    return Jsonb(value, dumps=orjson.dumps)


DUE_TARGETS = """
select due.target, extract(epoch from min(due.at) - now())::float8 as wait from (
  select target, greatest(due_at, claimed_until) as at from effect
  where state = 'unknown' or state = 'due' and (even_if_stopped or not exists (
    select 1 from sales_order o where o.id = effect.order_id and o.state = 'held'))
  union all
  select target, claimed_until from effect where state = 'sending'
  union all
  select 'routing', route_at from sales_order where route_at is not null and state <> 'held'
  union all
  select 'routing', now() where exists (select from freed_stock)
  union all
  select 'stock:' || code, now() from instance where exists (select from stock_change where instance = code)
  union all
  select 'stock:' || instance, due_at from stock_figure where due_at is not null
) as due
where not exists (select 1 from lease where name = 'push:' || due.target and expires_at > now())
  and not exists (select 1 from hold_switch
    where hold_switch.target in (due.target, replace(due.target, 'stock:', 'magento:'), '*'))
group by due.target
"""
"""Targets that have effects under way or due, no push at work and no hold; with the seconds until the first is due.

`routing` stands for the orders that a location must be found for, `stock:<instance>` for what it must be told of stock.
"""
