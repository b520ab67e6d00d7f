"""What the contract suite must know of an aggregator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from magento_oms.ports import CannotShip, Courier

Switches = dict[str, Any]
"""Settings of the stand-in."""


@dataclass(frozen=True)
class Facts:
    """One aggregator.

    Attributes:
        credentials: login and password that its stand-in takes.
        couriers: one for a forward COD parcel, one for a reverse pickup.
        writes: a pattern of the paths that change something.
        collected: from a request, the amount that would be collected, and whether it is marked as COD.
        measures: from a request, weight and height, and what they must be for 350 g and 10.4 cm.
        refusals: by case, the stand-in's switches and what the hook must raise.
        shapes: the switches of all shapes of its webhooks.
        ping: a webhook that tells of nothing.
        location: its name of the warehouse.
        reference_lives_on: a cancelled order's reference gives that order again, and is not refused.
        cancels_always: it says yes to cancelling what was picked up, and tells later what came of it.
        uncounted: switches of webhooks that leave out what attempts are counted by.
    """

    credentials: tuple[str, str]
    couriers: tuple[Courier, Courier]
    writes: str
    collected: Callable[[Any], tuple[Any, bool]]
    measures: tuple[Callable[[Any], tuple[Any, Any]], tuple[str, str]]
    refusals: Mapping[str, tuple[Switches, type[CannotShip]]]
    shapes: tuple[Switches, ...] = ({},)
    ping: Any = field(default_factory=dict)
    location: str = ""
    reference_lives_on: bool = False
    cancels_always: bool = False
    uncounted: tuple[Switches, ...] = ()
