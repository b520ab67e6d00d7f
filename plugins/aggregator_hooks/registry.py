"""All aggregators, a line each."""

from __future__ import annotations

from collections.abc import Mapping

from aggregator_hooks.account import Vendor
from aggregator_hooks.clickpost.account import CLICKPOST
from aggregator_hooks.eshipz.account import ESHIPZ
from aggregator_hooks.shiprocket.account import SHIPROCKET
from aggregator_hooks.shipway.account import SHIPWAY

VENDORS: Mapping[str, Vendor] = {vendor.name: vendor for vendor in (SHIPROCKET, CLICKPOST, SHIPWAY, ESHIPZ)}
