"""The table of reconciliation reports."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Identity, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from magento_oms.storage.database import text
from magento_oms.storage.tables import Base


class ReconciliationReport(Base):
    """What one comparison of one store's window came to. The files hold order numbers, SKUs and figures only."""

    __tablename__ = "reconciliation_report"
    __table_args__ = (
        UniqueConstraint("csv_path"),
        Index("ix_reconciliation_report_made", "instance", "kind", "made_at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    kind: Mapped[str] = mapped_column(comment="orders, returns or inventory")
    instance: Mapped[str]
    store_id: Mapped[int]
    start_at: Mapped[datetime]
    end_at: Mapped[datetime]
    run_id: Mapped[str]
    dry_run: Mapped[bool]
    proof: Mapped[str] = mapped_column(comment="the line that stands on it")
    differing: Mapped[int] = mapped_column(comment="orders, returns or SKUs that still differ")
    counts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    csv_path: Mapped[str] = mapped_column(comment="below MAGENTO_OMS_REPORTS_DIR")
    html_path: Mapped[str]
    made_at: Mapped[datetime] = mapped_column(server_default=func.now())
