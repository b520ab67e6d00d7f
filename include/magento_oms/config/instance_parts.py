"""How an instance is worked with: acknowledging, how often, how much at once. Parts of `instances/*.yaml`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from magento_oms.config.account_models import Model
from magento_oms.config.fields import (
    Cron,
    Number,
    Status,
    Whole,
)


class AcknowledgementStrategy(StrEnum):
    """How Magento is told that an order is being worked on; it depends on Magento's version."""

    AUTO = "auto"
    COMMENT = "comment"
    ENTITY = "entity"
    INVOICE = "invoice"
    STATUS_IN_STATE = "status_in_state"


class Acknowledgement(Model):
    """How orders are acknowledged on Magento."""

    strategy: AcknowledgementStrategy = AcknowledgementStrategy.AUTO
    status: Status = "processing"
    comment: Annotated[str, StringConstraints(min_length=1, max_length=200)] = "Accepted for fulfilment."


class Frequency(Model):
    """When timed workflows run, as cron expressions in UTC. A window reaches from one time to the next."""

    order_pull: Cron = "0 * * * *"
    pending_order_sync: Cron = "30 * * * *"
    customer_cancellation_pull: Cron = "*/5 * * * *"
    return_sync: Cron = "15 * * * *"
    master_data_pull: Cron = "45 * * * *"
    order_reconciliation: Cron = Field(default="30 18 * * *", description="midnight in India")
    return_reconciliation: Cron = Field(default="30 18 * * *", description="midnight in India")
    inventory_reconciliation: Cron = Field(default="0 21 * * *", description="half past two at night in India")


class ReconciliationConfig(Model):
    """How the sides are compared, besides how often."""

    again_after_days: tuple[Annotated[Whole, Field(ge=1, le=365)], ...] = Field(
        default=(7, 30), description="a day's orders are compared again so many days later: they live on"
    )
    storm_share: Number = Field(
        default=0.1,
        gt=0,
        le=1,
        description="where a larger share of SKUs differs, none is told again by itself: a person decides",
    )
    rto_days: Whole = Field(
        default=15, ge=1, le=180, description="days within which what comes back should be at the warehouse"
    )
    keep_reports_days: Whole = Field(
        default=90, ge=7, le=3650, description="days after which a report and its files are removed"
    )


class RequestBudget(Model):
    """A bound on requests towards one Magento, over all processes."""

    per_second: Number = Field(default=20.0, gt=0, le=1000)
    burst: Number = Field(default=40.0, ge=1, le=5000)
