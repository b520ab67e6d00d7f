"""Reading a sample of what was told back: an answer of 200 does not prove that Magento keeps it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from magento_oms.ports import ConfigurationError, NotFound, OutsideError
from magento_oms.ports.inventory import MagentoInventory
from magento_oms.workflows.inventory.telling import Line
from magento_oms.workflows.inventory.way import Way

SAMPLE = {Way.SOURCE_ITEMS: 10, Way.STOCK_ITEMS: 2}
"""Lines that are read back, those first that failed before; the legacy way costs a call each."""
THIRD_TIME = 2
"""Failures before: a shipment between telling and reading may explain one difference, not three in a row."""


@dataclass(slots=True)
class Checked:
    """What was found.

    Attributes:
        different: (SKU, source) → what is wrong with it, empty the first times.
        trouble: the store keeps nothing of what it is told.
    """

    looked_at: int = 0
    different: dict[tuple[str, str], str] = field(default_factory=dict)
    trouble: OutsideError | None = None


def verify(magento: MagentoInventory, way: Way, told: Sequence[Line]) -> Checked:
    """Read a sample back. Raises OutsideError where it cannot be read."""
    latest = {(line.figure.sku, line.figure.source): line for line in told}
    doubtful = sorted(key for key, line in latest.items() if line.figure.tries)[: SAMPLE[way]]
    others = sorted(latest.keys() - set(doubtful))
    sample = doubtful + random.sample(others, min(SAMPLE[way] - len(doubtful), len(others)))
    found = _read(magento, way, sample)
    checked = Checked(len(sample))
    for key in sample:
        line, has = latest[key], found.get(key)
        if has != line.quantity:
            third = line.figure.tries >= THIRD_TIME
            checked.different[key] = (
                f"Magento was told {line.quantity} and answered well; it has {'none' if has is None else has}."
                if third
                else ""
            )
    if len(checked.different) == len(sample) and all(checked.different.values()):
        checked.trouble = ConfigurationError(
            f"Magento {magento.instance} takes stock without a word and keeps nothing of it, three times in a row.",
            way_out="Look for a module that writes stock as well, and for the sources of the store's stock.",
        )
    return checked


def _read(magento: MagentoInventory, way: Way, lines: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Decimal]:
    if way is Way.SOURCE_ITEMS:
        return magento.source_quantities(lines)
    found = {}
    for sku, source in lines:
        try:
            found[sku, source] = magento.stock_item_quantity(sku)
        except NotFound:
            continue
    return found
