"""What is read of one Magento instance about what was refunded, and what is to come back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from magento_oms.ports.errors import Json


@runtime_checkable
class MagentoReturns(Protocol):
    """Credit memos and RMAs of one Magento instance. Times are aware UTC, on a whole second."""

    @property
    def instance(self) -> str: ...

    def credit_memos_after(self, memo_id: int, *, since: datetime, before: datetime, limit: int) -> Sequence[Json]:
        """Credit memos made in `[since, before)` with a higher id, the lowest first."""
        ...

    def returns_after(self, rma_id: int, *, since: datetime, before: datetime, limit: int) -> Sequence[Json]:
        """RMAs asked for in `[since, before)` with a higher id, the lowest first. Adobe Commerce alone has them.

        Raises:
            NotFound: this Magento has no RMA.
        """
        ...
