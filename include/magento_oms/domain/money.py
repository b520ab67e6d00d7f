"""Money: `Decimal`, to the paisa, and parts that add up to their whole."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

PAISA = Decimal("0.01")


def to_paisa(amount: Decimal) -> Decimal:
    """Rounded half up to two places."""
    return amount.quantize(PAISA, rounding=ROUND_HALF_UP)


def allot(total: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """`total` split in proportion to `weights`, in paise, so that the parts add up to it exactly.

    The paise left over by rounding go one each to the parts that lost most. All weights zero: equal parts.

    Raises:
        ValueError: no weights, or a negative one.
    """
    if not weights or min(weights) < 0:
        raise ValueError("an amount is split over at least one part, and no part weighs less than nothing")
    whole = sum(weights)
    shares = [weight / whole for weight in weights] if whole else [Decimal(1) / len(weights)] * len(weights)
    exact = [total * share for share in shares]
    parts = [amount.quantize(PAISA, rounding=ROUND_DOWN) for amount in exact]
    left = total - sum(parts)
    step = PAISA.copy_sign(left)
    by_loss = sorted(range(len(parts)), key=lambda i: (-abs(exact[i] - parts[i]), i))
    steps = int(left / step)
    for i in by_loss[:steps]:
        parts[i] += step
        left -= step
    parts[by_loss[steps % len(parts)]] += left  # what is finer than a paisa goes to the next that lost
    return parts


def share(amount: Decimal, before: Decimal, now: Decimal, whole: Decimal) -> Decimal:
    """The part of `amount` that falls to `now` of `whole`, where `before` had its part already; to the paisa.

    The parts that are taken one after the other add up to the amount exactly, however it is cut.
    """
    if not whole:
        return to_paisa(amount) if not before else Decimal("0.00")
    return to_paisa(amount * (before + now) / whole) - to_paisa(amount * before / whole)
