"""Reading what was refunded or is to come back: credit memos, and RMAs where Adobe Commerce has them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlencode

from careful_http.exchange import Call
from careful_http.outcome import unreadable
from magento_hook.client import MagentoClient
from magento_hook.criteria import magento_time
from magento_oms.ports import ConfigurationError, Json, NotFound

Condition = tuple[str, str, object]


class ReturnReader:
    """Implements `ports.MagentoReturns` over a client. May be used by several threads."""

    def __init__(self, client: MagentoClient) -> None:
        self._client = client

    def credit_memos_after(self, memo_id: int, *, since: datetime, before: datetime, limit: int) -> Sequence[Json]:
        """Credit memos made in `[since, before)` with a higher id, the lowest first."""
        return self._documents_after("/creditmemos", "created_at", memo_id, since, before, limit, "credit memos")

    def returns_after(self, rma_id: int, *, since: datetime, before: datetime, limit: int) -> Sequence[Json]:
        """RMAs asked for in `[since, before)` with a higher id, the lowest first.

        Raises:
            NotFound: this Magento has no RMA, as Open Source has none.
        """
        try:
            return self._documents_after("/returns", "date_requested", rma_id, since, before, limit, "RMAs")
        except ConfigurationError as error:
            if error.status == 404:
                raise NotFound(f"Magento {self._client.instance} has no RMA.", status=404) from None
            raise

    def _documents_after(
        self, path: str, column: str, last: int, since: datetime, before: datetime, limit: int, about: str
    ) -> Sequence[Json]:
        conditions: list[Condition] = [
            (column, "gteq", magento_time(since)),
            (column, "lt", magento_time(before)),
            ("entity_id", "gt", last),
        ]
        rows = self._documents(path, conditions, limit, about)
        ids = [int(row.get("entity_id") or 0) for row in rows]
        if ids != sorted(set(ids)) or (ids and ids[0] <= last):
            raise ConfigurationError(
                f"Magento {self._client.instance} does not sort or filter {about} as asked; reading stopped there,"
                " nothing was skipped.",
                way_out=f"A module or a cache in front of /rest/V1{path} interferes: take it out of the way.",
            )
        return rows

    def _documents(self, path: str, conditions: Sequence[Condition], limit: int, about: str) -> Sequence[Json]:
        criteria = "searchCriteria"
        pairs: list[tuple[str, object]] = []
        for number, (field, condition, value) in enumerate(conditions):
            name = f"{criteria}[filter_groups][{number}][filters][0]"
            pairs += [(f"{name}[field]", field), (f"{name}[value]", value), (f"{name}[condition_type]", condition)]
        pairs += [
            (f"{criteria}[sortOrders][0][field]", "entity_id"),
            (f"{criteria}[sortOrders][0][direction]", "ASC"),
            (f"{criteria}[pageSize]", limit),
            (f"{criteria}[currentPage]", 1),
        ]
        call = Call("GET", path, query=urlencode(pairs), about=about)
        answer = self._client.call(call)
        try:
            listed = answer.json
        except ValueError:
            raise unreadable(call, answer, self._client.whose, "the answer is no JSON.") from None
        rows = listed.get("items") if isinstance(listed, dict) else listed
        if not isinstance(rows, list) and rows is not None:
            raise unreadable(call, answer, self._client.whose, "the answer is no list.")
        return [row for row in rows or [] if isinstance(row, dict)]
