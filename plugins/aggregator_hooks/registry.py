"""All aggregators: the vendor of each package that `magento_oms.ports.AGGREGATORS` names."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from aggregator_hooks.account import Vendor
from magento_oms.ports import AGGREGATORS


def vendor_of(name: str) -> Vendor:
    """The entry of an aggregator's package. Raises TypeError where its `account` module has no `VENDOR`."""
    vendor = getattr(import_module(f"aggregator_hooks.{name}.account"), "VENDOR", None)
    if not isinstance(vendor, Vendor) or vendor.name != name:
        raise TypeError(f"aggregator_hooks.{name}.account has no VENDOR of that name")
    return vendor


VENDORS: Mapping[str, Vendor] = {name: vendor_of(name) for name in AGGREGATORS}
