"""What Magento has of each SKU against what it should have, as pandas frames. Pure.

Quantities are whole numbers of 1/10,000 (`words.UNIT`); what is not there is -1 × 10^18, which no quantity is.
"""

from __future__ import annotations

import pandas as pd

from magento_oms.workflows.reconcile.compare import figure

NONE = -(10**18)

ROWS = {
    "sku": "str", "source": "str", "wanted": "int64", "has": "int64", "told": "int64", "told_at": "str",
    "due": "bool", "busy": "bool", "problem": "str",
}  # fmt: skip
"""One row a SKU and source. `told`: what Magento was told last; `due`: it is about to be told again; `busy`: a figure
or a shipment of it may reach Magento at any moment; `problem`: why it cannot be told."""

COLUMNS = ("kind", "sku", "source", "magento", "oms", "told", "told_at", "cause", "healing")

TOLD_AGAIN = "told again"


def drift(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that differ and are not on their way to agreeing."""
    return rows[(rows["has"] != rows["wanted"]) & ~rows["busy"] & ~rows["due"]].reset_index(drop=True)


def still(first: pd.DataFrame, again: pd.DataFrame) -> pd.DataFrame:
    """Of what drifted at two looks, what did not move between them: the rest was being changed."""
    same = first[["sku", "source", "has", "wanted"]]
    return drift(again).merge(same, on=["sku", "source", "has", "wanted"])


def is_storm(drifting: int, compared: int, share: float, *, at_least: int) -> bool:
    """Whether so many SKUs differ that something else is wrong than stock."""
    return drifting >= at_least and drifting > share * compared


def healable(found: pd.DataFrame) -> list[str]:
    """SKUs that can be told again: all but those that Magento would not take."""
    return sorted(found.loc[found["problem"] == "", "sku"].unique().tolist())


def causes(found: pd.DataFrame) -> pd.Series:
    """Why each row differs, as far as that can be known."""
    return pd.Series([_cause(row) for row in found.itertuples()], index=found.index, dtype="str")


def listed(found: pd.DataFrame, *, told_again: bool) -> list[dict[str, str]]:
    """The drift for people."""
    why = causes(found)
    return [
        {
            "kind": "drift",
            "sku": row.sku,
            "source": row.source,
            "magento": _word(row.has),
            "oms": _word(row.wanted),
            "told": _word(row.told),
            "told_at": row.told_at,
            "cause": why[row.Index],
            "healing": TOLD_AGAIN if told_again and not row.problem else "",
        }
        for row in found.itertuples()
    ]


def _cause(row: object) -> str:
    has, told, wanted, problem = (getattr(row, name) for name in ("has", "told", "wanted", "problem"))
    if problem:
        return str(problem)
    if has == NONE:
        return "Magento has no row of it at this source: it was deleted there, or never kept"
    if told == NONE:
        return "Magento was never told"
    if told == wanted:
        return "changed on Magento after it was told: by hand, by another program, or by a shipment that we do not know"
    return "our own figure changed and was not told"


def _word(value: int) -> str:
    return "" if value == NONE else figure(value)
