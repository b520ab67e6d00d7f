"""Orders on Magento, in the OMS and at the couriers, compared as pandas frames. Pure.

Every frame may be empty. Amounts and quantities are whole numbers of 1/10,000 (`words.UNIT`), times whole seconds since
1970, so that nothing is rounded and nothing costs more than a column of integers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from magento_oms.domain.parcel_states import AT_REST
from magento_oms.workflows.reconcile.words import COLUMNS, UNIT, Kind

MAGENTO_ORDERS = {
    "entity_id": "int64", "increment_id": "str", "status": "str", "expected": "bool", "ended": "bool",
    "updated_at": "int64", "told": "int64",
    "grand_total": "int64", "total_due": "int64", "subtotal": "int64", "shipping": "int64", "discount": "int64",
    "tax": "int64",
}  # fmt: skip
"""`expected`: its status is not one to ignore; `ended`: cancelled or closed; `updated_at`: -1 where the payload is not
understood, so that only its being there counts; `told`: acknowledgements among its comments."""

OMS_ORDERS = {
    "entity_id": "int64", "increment_id": "str", "status": "str", "updated_at": "int64", "quarantined": "bool",
    "on_its_way": "bool",
    "grand_total": "int64", "total_due": "int64", "subtotal": "int64", "shipping": "int64", "discount": "int64",
    "tax": "int64", "to_collect": "int64",
}  # fmt: skip
"""`quarantined`: kept as a payload only; `on_its_way`: a change of it is waiting for Magento, or must not be sent."""

LINES = {
    "entity_id": "int64", "item_id": "int64", "sku": "str", "ordered": "int64", "invoiced": "int64",
    "shipped": "int64", "cancelled": "int64", "refunded": "int64",
}  # fmt: skip

PARCELS = {
    "entity_id": "int64", "increment_id": "str", "parcel": "int64", "generation": "int64", "awb": "str",
    "oms": "str", "courier": "str", "given_up": "bool", "order_cancelled": "bool", "handed_over": "bool",
    "cod": "int64", "due": "int64",
}  # fmt: skip
"""One row a booking with an AWB. `courier` is empty where it was not asked, `absent` where it knows nothing.

`due`: what is to be collected for the whole order where all of it has left, unchanged; -1 where that says nothing."""

ABSENT = "absent"

QUANTITIES = ("ordered", "invoiced", "shipped", "cancelled", "refunded")
AMOUNTS = ("grand_total", "total_due", "subtotal", "shipping", "discount", "tax")

RESTING = frozenset(str(status) for status in AT_REST)


def frame(rows: Iterable[Sequence[Any]], columns: dict[str, str]) -> pd.DataFrame:
    """Rows as a frame of these columns and types."""
    made = pd.DataFrame.from_records(list(rows), columns=list(columns))
    return made.astype(columns)


def nothing() -> pd.DataFrame:
    """No differences."""
    return pd.DataFrame({name: pd.Series(dtype="int64" if name == "entity_id" else "str") for name in COLUMNS})


def joined(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Tables of differences as one, by order."""
    found = [part for part in parts if len(part)]
    if not found:
        return nothing()
    return pd.concat(found, ignore_index=True).sort_values(["entity_id", "kind", "what", "subject"], ignore_index=True)


def differences(
    magento_orders: pd.DataFrame, magento_lines: pd.DataFrame, oms_orders: pd.DataFrame, oms_lines: pd.DataFrame
) -> pd.DataFrame:
    """What differs between Magento and the OMS, over orders of which both sides were read whole.

    What the OMS read from Magento later than this is newer news: such an order only has to be there.
    """
    both = magento_orders.merge(oms_orders, on="entity_id", suffixes=("_m", "_o"))
    alike = both[(both["updated_at_o"] <= both["updated_at_m"]) & ~both["quarantined"]]
    return joined(
        [
            _missing(magento_orders, oms_orders),
            _extra(magento_orders, oms_orders),
            _states(alike),
            _amounts(alike),
            *_lines(alike, magento_lines, oms_lines),
            _told(both),
        ]
    )


def doubled_orders(oms_orders: pd.DataFrame) -> pd.DataFrame:
    """Order numbers of one store that the OMS has more than once."""
    found = oms_orders[oms_orders.duplicated("increment_id", keep=False)]
    times = found.groupby("increment_id")["entity_id"].transform("size")
    return _table(found, Kind.DOUBLED_ORDER, "order number", oms=times.astype("str") + " times")


def courier_differences(parcels: pd.DataFrame) -> pd.DataFrame:
    """What differs between the OMS and the couriers, over all bookings of some orders."""
    asked = parcels[(parcels["courier"] != "") & (parcels["courier"] != ABSENT)]
    resting = asked["courier"].isin(RESTING) & asked["oms"].isin(RESTING)
    differs = asked[(asked["courier"] != asked["oms"]) & ~resting]
    current = parcels[~parcels["given_up"]]
    absent = current[current["courier"] == ABSENT]
    word = parcels["courier"].where(~parcels["courier"].isin(["", ABSENT]), parcels["oms"])
    moving = parcels[~word.isin(RESTING)]
    cancelled = moving[moving["order_cancelled"] & ~moving["handed_over"]]
    early = moving[~moving["order_cancelled"] & ~moving["handed_over"]]
    return joined(
        [
            _of_parcels(differs, Kind.COURIER_STATE, "state"),
            _of_parcels(absent, Kind.NOT_AT_COURIER, "AWB"),
            _of_parcels(cancelled, Kind.TRAVELS_CANCELLED, "state"),
            _of_parcels(early, Kind.TRAVELS_EARLY, "state"),
            _of_parcels(moving[moving.duplicated("parcel", keep=False)], Kind.DOUBLED_PARCEL, "AWB"),
            _cod(current),
        ]
    )


def _missing(magento: pd.DataFrame, oms: pd.DataFrame) -> pd.DataFrame:
    absent = magento[magento["expected"] & ~magento["entity_id"].isin(oms["entity_id"])]
    return _table(absent, Kind.MISSING, "order", magento=absent["status"])


def _extra(magento: pd.DataFrame, oms: pd.DataFrame) -> pd.DataFrame:
    extra = oms[~oms["entity_id"].isin(magento["entity_id"])]
    return _table(extra, Kind.EXTRA, "order", oms=extra["status"])


def _states(both: pd.DataFrame) -> pd.DataFrame:
    found = both[both["status_m"] != both["status_o"]]
    return _table(found, Kind.STATE, "status", magento=found["status_m"], oms=found["status_o"])


def _amounts(both: pd.DataFrame) -> pd.DataFrame:
    parts = []
    for name in AMOUNTS:
        found = both[both[f"{name}_m"] != both[f"{name}_o"]]
        said = {"magento": _figures(found[f"{name}_m"]), "oms": _figures(found[f"{name}_o"])}
        parts.append(_table(found, Kind.MONEY, name, **said))
    return joined(parts)


def _lines(both: pd.DataFrame, magento: pd.DataFrame, oms: pd.DataFrame) -> list[pd.DataFrame]:
    ids = both[["entity_id", "increment_id_m", "ended", "on_its_way"]]
    key = ["entity_id", "item_id"]
    # Keys alone first: a figure that is missing on one side would turn its whole column into floats.
    rows = magento[[*key, "sku"]].merge(
        oms[[*key, "sku"]], on=key, how="outer", suffixes=("_m", "_o"), indicator="side"
    )
    rows = rows[rows["side"] != "both"].merge(ids, on="entity_id")
    parts = []
    for side, column in (("left_only", "sku_m"), ("right_only", "sku_o")):
        alone = rows[rows["side"] == side]
        said = {"magento": "has it"} if side == "left_only" else {"oms": "has it"}
        parts.append(_table(alone, Kind.LINES, "item", subject=alone[column], **said))
    paired = magento.merge(oms, on=key, suffixes=("_m", "_o")).merge(ids, on="entity_id")
    for name in QUANTITIES:
        ours, theirs = paired[f"{name}_o"], paired[f"{name}_m"]
        parts.append(_quantity(paired[theirs > ours], Kind.BEHIND, name))
        ahead = (ours > theirs) & ~paired["on_its_way"]
        if name == "cancelled":
            # What is left of a cancelled or closed order is cancelled, whatever its rows on Magento say.
            ahead &= ~paired["ended"]
        parts.append(_quantity(paired[ahead], Kind.AHEAD, name))
    return parts


def _quantity(found: pd.DataFrame, kind: Kind, name: str) -> pd.DataFrame:
    said = {"magento": _figures(found[f"{name}_m"]), "oms": _figures(found[f"{name}_o"])}
    return _table(found, kind, name, subject=found["sku_m"], **said)


def _told(both: pd.DataFrame) -> pd.DataFrame:
    found = both[both["told"] > 1]
    return _table(found, Kind.DOUBLED_NOTE, "acknowledgement", magento=found["told"].astype("str") + " times")


def _cod(current: pd.DataFrame) -> pd.DataFrame:
    """The newest bookings of an order's parcels together collect what is due for it."""
    newest = current.sort_values("generation").drop_duplicates("parcel", keep="last")
    known = newest[newest["due"] >= 0]
    sums = known.groupby("entity_id", as_index=False).agg(
        increment_id=("increment_id", "first"), cod=("cod", "sum"), due=("due", "first")
    )
    found = sums[sums["cod"] != sums["due"]]
    return _table(found, Kind.COD, "to collect", oms=_figures(found["due"]), courier=_figures(found["cod"]))


def _of_parcels(found: pd.DataFrame, kind: Kind, what: str) -> pd.DataFrame:
    return _table(found, kind, what, subject=found["awb"], oms=found["oms"], courier=found["courier"])


def _table(found: pd.DataFrame, kind: Kind, what: str, **said: Any) -> pd.DataFrame:
    """Rows of a table of differences; what is not said is empty."""
    number = found["increment_id"] if "increment_id" in found else found["increment_id_m"]
    given = {"entity_id": found["entity_id"], "increment_id": number, "kind": str(kind), "what": what, **said}
    values = {name: given.get(name, "") for name in COLUMNS}
    return pd.DataFrame(values, index=found.index, columns=list(COLUMNS))


def _figures(column: pd.Series) -> pd.Series:
    """Figures for people. Only what differs comes here, so they may be written one by one."""
    return column.map(figure).astype("str")


def figure(units: float) -> str:
    """A figure of 1/10,000 as people write it, exactly."""
    whole, rest = divmod(abs(int(units)), UNIT)
    text = f"{whole}.{rest:04d}".rstrip("0").rstrip(".")
    return f"-{text}" if units < 0 else text
