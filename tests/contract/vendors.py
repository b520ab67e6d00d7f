"""One entry an aggregator; a new one adds its own."""

from __future__ import annotations

from tests.contract.example_fifth.facts import FIFTH
from tests.contract.facts import Facts

from magento_oms.ports import CannotShip, Courier, CourierRefused, NotServiceable, WalletEmpty

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
    "fifth": FIFTH,  # the documentation's example
}  # fmt: skip
