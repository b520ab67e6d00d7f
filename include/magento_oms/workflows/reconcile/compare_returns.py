"""What came back, as pandas frames: Magento's credit memos, the OMS's returns, the couriers' parcels. Pure."""

from __future__ import annotations

from enum import StrEnum

import pandas as pd

from magento_oms.workflows.reconcile.compare import figure, joined
from magento_oms.workflows.reconcile.words import COLUMNS, Kind, Meaning


class ReturnKind(StrEnum):
    """What differs about what came back."""

    MEMO_MISSING = "credit_memo_missing"
    MEMO_EXTRA = "credit_memo_extra"
    MEMO_MONEY = "credit_memo_money"
    MEMO_QUANTITY = "credit_memo_quantity"
    RETURN_MISSING = "rto_without_return"
    RTO_OVERDUE = "rto_not_received"
    RETURN_OVERDUE = "delivered_not_received"
    REFUND_ONLY = "refund_without_receipt"
    DOUBLED_UNIT = "doubled_unit"
    DOUBLED_REFUND = "doubled_refund"
    COURIER_STATE = "return_courier_state"
    NOT_AT_COURIER = "return_not_at_courier"


SHOW = "`magento-oms returns show` has its units and parcel"
MEANINGS: dict[str, Meaning] = {
    ReturnKind.MEMO_MISSING: Meaning(
        "a credit memo on Magento that the OMS does not have",
        "`return_sync` over its time reads it; where that fails, its quarantine entry tells why.",
    ),
    ReturnKind.MEMO_EXTRA: Meaning(
        "a credit memo in the OMS that Magento does not have", "Somebody deleted it there: find out before refunding."
    ),
    ReturnKind.MEMO_MONEY: Meaning(
        "a credit memo's amounts differ", "Compare it in Magento's admin; a person decides."
    ),
    ReturnKind.MEMO_QUANTITY: Meaning(
        "a credit memo refunds other quantities", "Compare it in Magento's admin; a person decides."
    ),
    ReturnKind.RETURN_MISSING: Meaning(
        "a parcel is on its way back, and no return stands for it", "`return_sync` places it; the log tells why not."
    ),
    ReturnKind.RTO_OVERDUE: Meaning(
        "a parcel that its courier brings back is not received in time", f"Ask the courier; {SHOW}."
    ),
    ReturnKind.RETURN_OVERDUE: Meaning(
        "the courier delivered a return that nobody received", f"Look for it at the warehouse's gate; {SHOW}."
    ),
    ReturnKind.REFUND_ONLY: Meaning(
        "shipped units were refunded and have not come back in time",
        f"Ask the customer or the courier for them, or write them off; {SHOW}.",
    ),
    ReturnKind.DOUBLED_UNIT: Meaning(
        "more units were received back than were shipped", f"One parcel was scanned under two returns; {SHOW}."
    ),
    ReturnKind.DOUBLED_REFUND: Meaning(
        "more units were refunded than were ordered", "Compare the order's credit memos in Magento's admin."
    ),
    ReturnKind.COURIER_STATE: Meaning("the courier says something else of a return", f"Ask the courier; {SHOW}."),
    ReturnKind.NOT_AT_COURIER: Meaning("the courier does not know a return's AWB", "Book its pickup anew."),
}
DOUBLED = frozenset({ReturnKind.DOUBLED_UNIT, ReturnKind.DOUBLED_REFUND})

MEMOS = {
    "memo_id": "int64", "increment_id": "str", "entity_id": "int64", "grand_total": "int64", "quantity": "int64",
}  # fmt: skip
"""Credit memos: `increment_id` is the memo's own, `entity_id` the order's, `quantity` of all its rows."""

OPEN_RETURNS = {
    "entity_id": "int64", "increment_id": "str", "return_code": "str", "rto": "bool", "state": "str", "parcel": "str",
    "awb": "str", "days": "int64",
}  # fmt: skip
"""Returns that are not received, judged or called off; `days` since they were placed."""

UNITS = {
    "entity_id": "int64", "increment_id": "str", "sku": "str", "ordered": "int64", "shipped": "int64",
    "refunded": "int64", "received": "int64", "days": "int64",
}  # fmt: skip
"""Lines of which something was refunded or came back. `days` since the newest credit memo; -1: there is none."""

COURIER_KINDS = {str(Kind.COURIER_STATE): ReturnKind.COURIER_STATE, str(Kind.NOT_AT_COURIER): ReturnKind.NOT_AT_COURIER}


def memo_differences(magento: pd.DataFrame, oms: pd.DataFrame) -> pd.DataFrame:
    """Credit memos of one window on both sides."""
    missing = magento[~magento["memo_id"].isin(oms["memo_id"])]
    extra = oms[~oms["memo_id"].isin(magento["memo_id"])]
    both = magento.merge(oms, on="memo_id", suffixes=("", "_o"))
    parts = [
        _table(
            missing, ReturnKind.MEMO_MISSING, "credit memo", missing["increment_id"], magento=missing["grand_total"]
        ),
        _table(extra, ReturnKind.MEMO_EXTRA, "credit memo", extra["increment_id"], oms=extra["grand_total"]),
    ]
    for name, kind in (("grand_total", ReturnKind.MEMO_MONEY), ("quantity", ReturnKind.MEMO_QUANTITY)):
        found = both[both[name] != both[f"{name}_o"]]
        parts.append(_table(found, kind, name, found["increment_id"], magento=found[name], oms=found[f"{name}_o"]))
    return joined(parts)


def overdue(returns: pd.DataFrame, days: int) -> pd.DataFrame:
    """Returns that should be at the warehouse by now."""
    late = returns[returns["days"] >= days]
    rto = late[late["rto"]]
    delivered = late[~late["rto"] & (late["state"] == "delivered")]
    return joined(
        [
            _waiting(rto, ReturnKind.RTO_OVERDUE),
            _waiting(delivered, ReturnKind.RETURN_OVERDUE),
        ]
    )


def unit_differences(lines: pd.DataFrame, days: int) -> pd.DataFrame:
    """Lines of which more was refunded than came back in time, or more came back, or was refunded, than can be.

    Units that never left can be refunded without coming back: only those beyond them count.
    """
    refunded_shipped = (lines["refunded"] - (lines["ordered"] - lines["shipped"])).clip(lower=0)
    open_ones = lines[(refunded_shipped > lines["received"]) & (lines["days"] >= days)]
    twice = lines[lines["received"] > lines["shipped"]]
    too_much = lines[lines["refunded"] > lines["ordered"]]
    parts = [
        _table(
            open_ones,
            ReturnKind.REFUND_ONLY,
            "units",
            open_ones["sku"],
            magento=open_ones["refunded"],
            oms=open_ones["received"],
        ),
        _table(twice, ReturnKind.DOUBLED_UNIT, "units", twice["sku"], magento=twice["shipped"], oms=twice["received"]),
        _table(
            too_much,
            ReturnKind.DOUBLED_REFUND,
            "units",
            too_much["sku"],
            magento=too_much["refunded"],
            oms=too_much["ordered"],
        ),
    ]
    return joined(parts)


def missing_returns(parcels: pd.DataFrame) -> pd.DataFrame:
    """Parcels that come back without a return (columns entity_id, increment_id, awb, state)."""
    return _written(parcels, ReturnKind.RETURN_MISSING, "return", parcels["awb"], courier=parcels["state"])


def of_couriers(found: pd.DataFrame) -> pd.DataFrame:
    """Differences of reverse parcels, in the words of returns."""
    kept = found[found["kind"].isin(list(COURIER_KINDS))]
    return kept.assign(kind=kept["kind"].map({kind: str(word) for kind, word in COURIER_KINDS.items()}))


def _waiting(found: pd.DataFrame, kind: ReturnKind) -> pd.DataFrame:
    said = {"oms": found["state"] + ", " + found["days"].astype("str") + " days", "courier": found["parcel"]}
    return _written(found, kind, "return", found["return_code"], **said)


def _table(found: pd.DataFrame, kind: ReturnKind, what: str, subject: pd.Series, **figures: pd.Series) -> pd.DataFrame:
    words = {side: column.map(figure).astype("str") for side, column in figures.items()}
    return _written(found, kind, what, subject, **words)


def _written(found: pd.DataFrame, kind: ReturnKind, what: str, subject: pd.Series, **said: pd.Series) -> pd.DataFrame:
    given = {
        "entity_id": found["entity_id"],
        "increment_id": found["increment_id"],
        "kind": str(kind),
        "what": what,
        "subject": subject,
        **said,
    }
    return pd.DataFrame({name: given.get(name, "") for name in COLUMNS}, index=found.index, columns=list(COLUMNS))
