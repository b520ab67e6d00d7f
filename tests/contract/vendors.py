"""What the contract suite must know of each aggregator: one entry each; a new one adds its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from magento_oms.ports import CannotShip, Courier, CourierRefused, NotServiceable, WalletEmpty

Switches = dict[str, Any]
"""Settings of the stand-in."""


@dataclass(frozen=True)
class Facts:
    """One aggregator.

    Attributes:
        credentials: login and password that its stand-in takes.
        couriers: one for a forward COD parcel, one for a reverse pickup.
        writes: a pattern of the paths that change something.
        collected: from a request, the amount that would be collected, and whether it is marked as COD.
        measures: from a request, weight and height, and what they must be for 350 g and 10.4 cm.
        refusals: by case, the stand-in's switches and what the hook must raise.
        shapes: the switches of all shapes of its webhooks.
        ping: a webhook that tells of nothing.
        location: its name of the warehouse.
        reference_lives_on: a cancelled order's reference gives that order again, and is not refused.
        cancels_always: it says yes to cancelling what was picked up, and tells later what came of it.
        uncounted: switches of webhooks that leave out what attempts are counted by.
    """

    credentials: tuple[str, str]
    couriers: tuple[Courier, Courier]
    writes: str
    collected: Callable[[Any], tuple[Any, bool]]
    measures: tuple[Callable[[Any], tuple[Any, Any]], tuple[str, str]]
    refusals: Mapping[str, tuple[Switches, type[CannotShip]]]
    shapes: tuple[Switches, ...] = ({},)
    ping: Any = field(default_factory=dict)
    location: str = ""
    reference_lives_on: bool = False
    cancels_always: bool = False
    uncounted: tuple[Switches, ...] = ()


FACTS: dict[str, Facts] = {
    "shiprocket": Facts(
        credentials=("api@sandbox.example", "Sandbox-shiprocket-1"),
        couriers=(Courier("10"), Courier("61")),
        writes="create|assign|pickup|cancel|ndr",
        collected=lambda request: (request["sub_total"], request["payment_method"] == "COD"),
        measures=(lambda request: (request["weight"], request["height"]), ("0.35", "10.4")),
        refusals={
            "wallet, 350": ({"wallet": "empty_350"}, WalletEmpty),
            "wallet, 350 with HTTP 400": ({"wallet": "empty_350", "wallet_status": 400}, WalletEmpty),
            "wallet, awb_assign_status": ({"wallet": "empty_assign"}, WalletEmpty),
            "pincode": ({"unserved_pincodes": ["422001"]}, NotServiceable),
            "courier": ({"refusing_couriers": ["10"]}, CourierRefused),
        },
        shapes=({"webhook_shape": "documented"}, {"webhook_shape": "older"}, {"webhook_shape": "na"}),
        location="Primary",
        cancels_always=True,
        uncounted=({"webhook_shape": "na"},),
    ),
    "clickpost": Facts(
        credentials=("sandbox", "sandbox-clickpost-key"),
        couriers=(Courier("4", account="main"), Courier("25", account="main")),
        writes="create-order|cancel-order|create-pickup|ndr",
        collected=lambda request: (request["shipment_details"]["cod_value"], True),
        measures=(
            lambda request: (request["shipment_details"]["weight"], request["shipment_details"]["height"]),
            ("350", "11"),
        ),
        refusals={
            "pincode": ({"unserved_pincodes": ["422001"]}, NotServiceable),
            "courier": ({"courier_fault": {"4": 319}}, CannotShip),
        },
        shapes=({"webhook_shape": "documented"}, {"times": "plain"}, {"webhook_auth": "authorization"}),
        reference_lives_on=True,
    ),
    "shipway": Facts(
        credentials=("sandbox@shipway.example", "sandbox-shipway-key"),
        couriers=(Courier("3411"), Courier("3411")),
        writes="v2orders|Createreturns|createpickup|Cancel|Ndr",
        collected=lambda request: (request["order_total"], request["payment_type"] == "C"),
        measures=(lambda request: (request["order_weight"], request["box_height"]), ("350", "11")),
        refusals={
            "wallet, list": ({"awb_refusal": "Insufficient shipping balance"}, WalletEmpty),
            "wallet, text": (
                {"awb_refusal": "Insufficient shipping balance", "awb_refusal_as": "string"}, WalletEmpty,
            ),
            "pincode": ({"unserved_pincodes": ["422001"]}, NotServiceable),
            "courier": ({"refusing_carriers": ["3411"]}, CourierRefused),
        },
        shapes=(
            {"webhook_shape": "feed"}, {"webhook_shape": "single"}, {"webhook_shape": "single_array"},
            {"webhook_shape": "feed", "plain_delivered": True},
        ),
        ping={"status_feed": []},
        location="56024",
    ),
    "eshipz": Facts(
        credentials=("", "sandbox-eshipz-token"),
        couriers=(
            Courier("bluedart", account="1000000001", service="eTailCODAir"),
            Courier("bluedart", account="1000000001", service="eTailPrePaidAir"),
        ),
        writes="create-shipments|cancel|pickup|ndr",
        collected=lambda request: (request["collect_on_delivery"]["amount"], request["is_cod"]),
        measures=(
            lambda request: (
                request["charged_weight"]["value"],
                request["shipment"]["parcels"][0]["dimension"]["height"],
            ),
            ("0.35", "10.4"),
        ),
        refusals={
            "pincode": ({"unserved_pincodes": ["422001"]}, NotServiceable),
            "courier": ({"refusing_slugs": ["bluedart"]}, CourierRefused),
        },
        shapes=tuple(
            {"webhook_shape": shape, "webhook_as": wrapping, "order_id_hash": wrapping == "array"}
            for shape in ("flat", "item")
            for wrapping in ("object", "array", "data", "trackings")
        ),
        ping=[],
    ),
}  # fmt: skip
