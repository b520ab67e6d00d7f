"""What the contract suite must know of the fifth aggregator."""

from __future__ import annotations

from tests.contract.facts import Facts

from magento_oms.ports import Courier, CourierRefused, NotServiceable, WalletEmpty

FIFTH = Facts(
    credentials=("", "sandbox-fifth-key"),
    couriers=(Courier("north"), Courier("south")),
    writes="parcels",
    collected=lambda request: (request["collect"], True),
    measures=(lambda request: (request["weight_g"], request["height_cm"]), ("350", "11")),
    refusals={
        "wallet": ({"wallet_empty": True}, WalletEmpty),
        "pincode": ({"unserved_pincodes": ["422001"]}, NotServiceable),
        "courier": ({"refusing_couriers": ["north"]}, CourierRefused),
    },
)
