"""What becomes of differences that stay: into quarantine, each with its way out; and out again once they are gone."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from sqlalchemy import Connection

from magento_oms.storage import quarantine, reconciliation
from magento_oms.workflows.reconcile.words import Meaning

CODE = "reconcile_"
MOST_ENTRIES = 200
"""Of one store's window. More than this is one trouble, not many: the report lists it all, the alert tells of it."""


def settle(
    connection: Connection,
    instance: str,
    store_id: int,
    left: pd.DataFrame,
    looked_at: set[int],
    meanings: Mapping[str, Meaning],
) -> tuple[int, int]:
    """Put what is left into quarantine and close the entries of orders that agree again; how many of each.

    Args:
        looked_at: orders that were compared; of others nothing is known, so their entries stay.
        meanings: of the kinds that this reconciliation knows; entries of other kinds are not its own.
    """
    by_order = list(left.groupby(["entity_id", "kind"], sort=True))
    for (entity_id, kind), rows in by_order[:MOST_ENTRIES]:
        quarantine.open_(
            connection,
            instance=instance,
            store_id=store_id,
            subject=reconciliation.subject(int(entity_id)),
            code=f"{CODE}{kind}",
            reason=f"Order {rows.iloc[0]['increment_id']}: {_told(meanings[kind], rows)}.",
            way_out=meanings[kind].way_out,
        )
    still = {(int(entity_id), f"{CODE}{kind}") for (entity_id, kind), _ in by_order}
    own = {f"{CODE}{kind}" for kind in meanings}
    open_ones = reconciliation.open_entries(connection, instance, looked_at)
    gone = {entry for entry in open_ones if entry[1] in own and entry not in still}
    for entity_id, code in sorted(gone):
        quarantine.resolve(
            connection, instance, reconciliation.subject(entity_id), code=code, resolution="agrees again when compared"
        )
    return min(len(by_order), MOST_ENTRIES), len(gone)


def _told(meaning: Meaning, rows: pd.DataFrame) -> str:
    """A kind of difference of one order in a sentence, without personal data."""
    parts = []
    for row in rows.head(5).itertuples():
        about = " ".join(filter(None, (row.what, row.subject)))
        said = ", ".join(
            f"{side} {word}"
            for side, word in (("Magento", row.magento), ("OMS", row.oms), ("courier", row.courier))
            if word
        )
        parts.append(f"{about}: {said}" if said else about)
    more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
    return f"{meaning.what} ({'; '.join(parts)}{more})"
