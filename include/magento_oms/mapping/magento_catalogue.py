"""Magento's product and customer payloads → our words. Pure.

Custom attributes come as a list of code and value, all of them text. What is odd about a product does not keep it out:
it is noted, and the product is stored without that figure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

from magento_oms.config.catalogue_models import CatalogueConfig
from magento_oms.domain import gstin
from magento_oms.domain.catalogue import Child, Labels, MagentoCustomer, MagentoProduct
from magento_oms.domain.orders import NotUnderstood
from magento_oms.mapping.magento_orders import postal_address
from magento_oms.ports import Json, parse_magento_time

ENABLED = "1"
SHIPS_APART = "1"
"""`shipment_type` of a bundle: 0 is together."""
TOO_MUCH = Decimal(10) ** 12
_HSN = re.compile(r"[0-9]{4}([0-9]{2}){0,2}")
_RETRY = "Correct it in Magento's admin; saving it there makes it come again by itself."


def magento_product(payload: Json, rules: CatalogueConfig, labels: Labels = MappingProxyType({})) -> MagentoProduct:
    """The product that `payload` (one element of `items` of `GET /V1/products`) tells of.

    Args:
        labels: of dropdown attributes: attribute → number of an option → its label.

    Raises:
        NotUnderstood: it has no SKU, id, type or time, or is not built as Magento builds products.
    """
    try:
        return _product(payload, rules, labels)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise NotUnderstood(
            "unexpected_shape",
            f"The product is not built as Magento builds products ({type(error).__name__}).",
            f"{_RETRY} If it looks right there, the mapping needs a change.",
        ) from error


def magento_customer(payload: Json) -> MagentoCustomer:
    """The customer that `payload` (one element of `items` of `GET /V1/customers/search`) tells of.

    Raises:
        NotUnderstood: it has no id or time; the reason holds no personal data.
    """
    try:
        return _customer(payload)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise NotUnderstood(
            "unexpected_shape",
            f"The customer is not built as Magento builds customers ({type(error).__name__}).",
            f"{_RETRY} If it looks right there, the mapping needs a change.",
        ) from error


def _product(payload: Json, rules: CatalogueConfig, labels: Labels) -> MagentoProduct:
    notes: list[str] = []
    attributes = _attributes(payload)
    for attribute in attributes.keys() & labels.keys():
        attributes[attribute] = _label(attribute, attributes[attribute], labels[attribute], notes)
    figures = _Figures({**payload, **attributes}, notes)
    tax_class = str(attributes.get("tax_class_id") or "")
    weight = figures.positive("weight")
    return MagentoProduct(
        product_id=_id(payload, "product"),
        sku=_text(payload, "sku"),
        type_id=_text(payload, "type_id"),
        name=str(payload.get("name") or ""),
        enabled=str(payload.get("status")) == ENABLED,
        updated_at=_time(payload, "updated_at"),
        price=figures.figure("price") if "price" in payload else None,
        hsn=_hsn(attributes.get(rules.hsn_attribute), notes),
        tax_class=tax_class,
        gst_percent=_gst(figures, tax_class, rules),
        weight_g=None if weight is None else weight * rules.weight_unit.grams,
        length_cm=figures.positive(rules.length_attribute),
        breadth_cm=figures.positive(rules.breadth_attribute),
        height_cm=figures.positive(rules.height_attribute),
        barcode=str(attributes.get(rules.barcode_attribute) or "").strip(),
        images=tuple(_images(payload.get("media_gallery_entries"))),
        children=tuple(_children(payload)),
        ships_apart=str(attributes.get("shipment_type")) == SHIPS_APART,
        notes=tuple(notes),
    )


class _Figures:
    """Figures of a product; one that is none, or cannot be, is noted and counts as not told."""

    def __init__(self, values: Mapping[str, Any], notes: list[str]) -> None:
        self._values = values
        self._notes = notes

    def figure(self, name: str, *, unit: str = "") -> Decimal | None:
        """Zero or more, or None. A dropdown's label may have the unit behind it."""
        value = self._values.get(name) if name else None
        if value is None or str(value).strip() == "":
            return None
        try:
            told = Decimal(str(value).strip().removesuffix(unit).strip())
        except InvalidOperation:
            told = Decimal("NaN")
        if not told.is_finite() or not 0 <= told < TOO_MUCH:
            self._notes.append(f"{name} is {str(value)[:40]!r}, which is no figure for it")
            return None
        return told

    def positive(self, name: str) -> Decimal | None:
        """More than zero, or None: Magento writes 0 where nobody measured."""
        return self.figure(name) or None


def _attributes(payload: Json) -> dict[str, Any]:
    rows = payload.get("custom_attributes") or []
    return {str(row["attribute_code"]): row.get("value") for row in rows}


def _label(attribute: str, value: Any, of_options: Mapping[str, str], notes: list[str]) -> str:
    """What the options say whose numbers are `value`; a multi-select has several."""
    numbers = value if isinstance(value, Sequence) and not isinstance(value, str) else str(value or "").split(",")
    chosen = [str(number).strip() for number in numbers if str(number).strip()]
    if unknown := [number for number in chosen if number not in of_options]:
        notes.append(f"{attribute} is the option {', '.join(unknown)[:40]}, which the attribute does not have")
        return ""
    return ", ".join(of_options[number] for number in chosen)


def _hsn(value: Any, notes: list[str]) -> str:
    told = re.sub(r"[ .]", "", str(value or ""))
    if told and not _HSN.fullmatch(told):
        notes.append(f"the HSN code is {str(value)[:40]!r}, not 4, 6 or 8 digits")
        return ""
    return told


def _gst(figures: _Figures, tax_class: str, rules: CatalogueConfig) -> Decimal | None:
    own = figures.figure(rules.gst_attribute, unit="%")
    return own if own is not None and own <= 100 else rules.gst_by_tax_class.get(tax_class)


def _images(entries: Any) -> Iterable[str]:
    """Paths of the pictures that are shown, the main one first."""
    shown = [
        entry
        for entry in entries or []
        if entry.get("media_type") == "image" and not entry.get("disabled") and entry.get("file")
    ]
    shown.sort(key=lambda entry: ("image" not in (entry.get("types") or []), int(entry.get("position") or 0)))
    return (str(entry["file"]) for entry in shown)


def _children(payload: Json) -> Iterable[Child]:
    extension = payload.get("extension_attributes") or {}
    if not isinstance(extension, Mapping):  # PHP writes an empty object as []
        return
    for product_id in extension.get("configurable_product_links") or []:
        yield Child(product_id=int(product_id))
    for option in extension.get("bundle_product_options") or []:
        for link in option.get("product_links") or []:
            quantity = Decimal(str(link.get("qty") or 0))
            yield Child(sku=str(link["sku"]), quantity=quantity, option=str(option.get("title") or ""))


def _customer(payload: Json) -> MagentoCustomer:
    addresses: Sequence[Json] = payload.get("addresses") or []
    numbers = [payload.get("taxvat"), *(address.get("vat_id") for address in addresses)]
    parts = (payload.get(part) for part in ("prefix", "firstname", "middlename", "lastname", "suffix"))
    return MagentoCustomer(
        customer_id=_id(payload, "customer"),
        website_id=int(payload.get("website_id") or 0),
        store_id=int(payload.get("store_id") or 0),
        group_id=int(payload.get("group_id") or 0),
        created_at=_time(payload, "created_at"),
        updated_at=_time(payload, "updated_at"),
        gstin=next(filter(None, (gstin.compact(str(number)) for number in numbers if number)), ""),
        personal={
            "name": " ".join(str(part) for part in parts if part),
            "email": str(payload.get("email") or ""),
            "addresses": [
                {
                    **_address(address),
                    "default_billing": bool(address.get("default_billing")),
                    "default_shipping": bool(address.get("default_shipping")),
                }
                for address in addresses
            ],
        },
    )


def _address(address: Json) -> dict[str, Any]:
    """A customer's address: its region is an object, an order's is not."""
    region = address.get("region")
    if isinstance(region, Mapping):
        address = {**address, "region": region.get("region"), "region_code": region.get("region_code")}
    return postal_address(address)


def _id(payload: Json, noun: str) -> int:
    try:
        found = int(str(payload.get("id")))
    except ValueError:
        found = 0
    if found < 1:
        raise NotUnderstood("missing_field", f"The {noun} has no id.", _RETRY)
    return found


def _text(payload: Json, name: str) -> str:
    value = str(payload.get(name) or "")
    if not value or len(value) > 255:
        raise NotUnderstood("missing_field", f"The product has no {name}, or one of more than 255 characters.", _RETRY)
    return value


def _time(payload: Json, name: str) -> datetime:
    try:
        return parse_magento_time(str(payload.get(name)))
    except ValueError:
        raise NotUnderstood("bad_time", f"{name} is no time like 2026-11-23 13:34:18.", _RETRY) from None
