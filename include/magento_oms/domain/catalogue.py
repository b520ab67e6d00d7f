"""Products and customers in our words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

Labels = Mapping[str, Mapping[str, str]]
"""Of dropdown attributes: attribute → number of an option → its label. Those that are no dropdowns are left out."""


@dataclass(frozen=True, slots=True)
class Child:
    """What a composite product is made of: one choice of a configurable, or a part of a bundle.

    Magento names the children of a configurable by their ids, those of a bundle by their SKUs.

    Attributes:
        quantity: of it in one bundle, as it is offered first; 1 of a configurable.
        option: title of the bundle's option.
    """

    product_id: int | None = None
    sku: str = ""
    quantity: Decimal = Decimal(1)
    option: str = ""


@dataclass(frozen=True, slots=True)
class MagentoProduct:
    """A product as Magento knows it, in our words. Times are aware UTC, the price in the base currency.

    Attributes:
        type_id: simple, virtual, downloadable, configurable, bundle, grouped, or a module's own.
        price: None where Magento has none of its own (configurables, bundles of dynamic price).
        hsn: 4, 6 or 8 digits; empty where Magento says none, or something else.
        gst_percent: by its own attribute or by its tax class; None: neither says it.
        weight_g, length_cm, breadth_cm, height_cm: of one, packed as Magento knows it.
        images: paths below the shop's `media/catalog/product`, the main one first.
        ships_apart: a bundle whose parts Magento ships on their own; of any other it takes whole bundles only.
        notes: what was odd about it, in words.
    """

    product_id: int
    sku: str
    type_id: str
    name: str
    enabled: bool
    updated_at: datetime
    price: Decimal | None
    hsn: str
    tax_class: str
    gst_percent: Decimal | None
    weight_g: Decimal | None
    length_cm: Decimal | None
    breadth_cm: Decimal | None
    height_cm: Decimal | None
    barcode: str
    images: tuple[str, ...]
    children: tuple[Child, ...]
    ships_apart: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MagentoCustomer:
    """A registered customer as Magento knows them.

    Attributes:
        gstin: of a registered buyer, where their tax number is one.
        personal: name, e-mail, addresses: stored encrypted, and erased in time.
    """

    customer_id: int
    website_id: int
    store_id: int
    group_id: int
    created_at: datetime
    updated_at: datetime
    gstin: str
    personal: dict[str, Any]
