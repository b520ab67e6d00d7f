"""What a store decides about its courier accounts: the shape of `aggregators` in `instances/*.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from magento_oms.config.fields import Code, ConnectionId, Exact, Number, Text
from magento_oms.ports.registry import AGGREGATORS


class Model(BaseModel):
    """Common ground: nothing unknown is let in, nothing is changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Dimensions(Model):
    """A parcel's size and weight where nothing was scanned."""

    length_cm: Exact = Field(gt=0)
    breadth_cm: Exact = Field(gt=0)
    height_cm: Exact = Field(gt=0)
    weight_g: Exact = Field(gt=0)


def _known(name: str) -> str:
    if name not in AGGREGATORS:
        raise ValueError(f"must be one of {', '.join(AGGREGATORS)}")
    return name


Aggregator = Annotated[
    str, AfterValidator(_known), WithJsonSchema({"enum": list(AGGREGATORS), "type": "string", "title": "Aggregator"})
]

DEFAULT_DIMENSIONS: dict[str, Dimensions] = {
    "shiprocket": Dimensions(length_cm=Decimal(1), breadth_cm=Decimal(1), height_cm=Decimal(1), weight_g=Decimal(500)),
}
OTHER_DIMENSIONS = Dimensions(
    length_cm=Decimal(18), breadth_cm=Decimal(12), height_cm=Decimal(10), weight_g=Decimal(500)
)


class AccountBudget(Model):
    """A bound on requests towards one account at an aggregator, over all processes."""

    per_second: Number = Field(gt=0, le=1000)
    burst: Number = Field(default=1.0, ge=1, le=5000)


ACCOUNT_BUDGETS: dict[str, AccountBudget] = {
    # 300 requests in two minutes are published; the others publish nothing. With the burst, and what a process may take
    # ahead (see storage/budget.py), no two minutes hold more: 3 + 2.46 x 120.5 = 299.4.
    "eshipz": AccountBudget(per_second=2.46, burst=3),
    "shipway": AccountBudget(per_second=2, burst=2),
    "shiprocket": AccountBudget(per_second=5, burst=5),
    "clickpost": AccountBudget(per_second=10, burst=10),
}
OTHER_BUDGET = AccountBudget(per_second=2, burst=2)


class CourierChoice(Model):
    """A courier that may be asked to ship, as the aggregator names it."""

    code: Text = Field(
        description="Shiprocket courier_company_id, Clickpost cp_id, Shipway carrier_id, Eshipz slug", examples=["10"]
    )
    name: str = Field(default="", description="for people")
    account: str = Field(default="", description="Clickpost account_code, Eshipz vendor_id")
    service: str = Field(default="", description="Eshipz service_type")


class AggregatorAccountRef(Model):
    """An account at a courier aggregator that ships a store's parcels."""

    aggregator: Aggregator
    account: Code
    connection_id: ConnectionId
    default_dimensions: Dimensions | None = None
    couriers: tuple[CourierChoice, ...] = Field(
        default=(), description="tried in this order; if none is named the aggregator recommends or chooses"
    )
    return_couriers: tuple[CourierChoice, ...] = Field(
        default=(),
        description="the same for reverse pickups, which Clickpost has other ids for; if none is named the aggregator"
        " recommends or chooses",
    )
    pickup_locations: Mapping[Code, Text] = Field(
        default_factory=dict, description="location → the aggregator's own name or id of it"
    )
    request_budget: AccountBudget | None = Field(default=None, description="the aggregator's usual one if not given")

    @property
    def dimensions(self) -> Dimensions:
        """The parcel's size where nothing was scanned."""
        return self.default_dimensions or DEFAULT_DIMENSIONS.get(self.aggregator, OTHER_DIMENSIONS)

    @property
    def budget(self) -> AccountBudget:
        """The bound on requests."""
        return self.request_budget or ACCOUNT_BUDGETS.get(self.aggregator, OTHER_BUDGET)

    def difference(self, other: AggregatorAccountRef) -> str:
        """In what two stores' words about one account differ where they may not; empty: in nothing."""
        for name in ("aggregator", "connection_id", "budget"):
            if getattr(self, name) != getattr(other, name):
                return {"budget": "request_budget"}.get(name, name)
        both = self.pickup_locations.keys() & other.pickup_locations.keys()
        if any(self.pickup_locations[code] != other.pickup_locations[code] for code in both):
            return "pickup_locations"
        return ""
