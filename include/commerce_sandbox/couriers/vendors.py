"""The stand-ins that there are."""

from __future__ import annotations

from commerce_sandbox.couriers.accounts import StandIn
from commerce_sandbox.couriers.clickpost import ClickpostStandIn
from commerce_sandbox.couriers.eshipz import EshipzStandIn
from commerce_sandbox.couriers.shiprocket import ShiprocketStandIn
from commerce_sandbox.couriers.shipway import ShipwayStandIn

VENDORS: tuple[StandIn, ...] = (ShiprocketStandIn(), ClickpostStandIn(), ShipwayStandIn(), EshipzStandIn())
