"""Products and customers as a real Magento answered them, and odd ones."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from commerce_sandbox.generator.catalogue import Catalogue
from magento_oms.config.catalogue_models import CatalogueConfig
from magento_oms.domain.catalogue import Child
from magento_oms.domain.orders import NotUnderstood
from magento_oms.mapping.magento_catalogue import magento_customer, magento_product

RECORDED = Path(__file__).parents[1] / "recorded" / "magento"
RULES = CatalogueConfig(
    barcode_attribute="ean", gst_attribute="gst", gst_by_tax_class={"2": Decimal(18)}, length_attribute="length"
)
Row = dict[str, Any]


def recorded(name: str) -> Row:
    body = json.loads((RECORDED / name).read_text(), parse_float=Decimal)["response"]["body"]
    return dict(body["items"][0] if "items" in body else body)


def product(attributes: Row | None = None, **more: Any) -> Row:
    """The recorded product with other values."""
    row = recorded("271_products_list.json")
    told = {each["attribute_code"]: each["value"] for each in row["custom_attributes"]} | (attributes or {})
    return row | {"custom_attributes": [{"attribute_code": k, "value": v} for k, v in told.items()]} | more


@pytest.mark.parametrize("name", ["271_products_list.json", "276_product_get.json"])
def test_recorded_product(name: str) -> None:
    found = magento_product(recorded(name), RULES)
    assert (found.product_id, found.sku, found.type_id, found.name) == (1, "SKU-001", "simple", "Cotton Kurta")
    assert (found.price, found.weight_g, found.enabled, found.tax_class) == (
        Decimal(199),
        Decimal("200.0"),
        True,
        "2",
    )
    assert found.gst_percent == 18
    assert (found.hsn, found.barcode, found.images) == ("", "", ())
    assert found.updated_at.isoformat() == "2026-11-23T13:29:06+00:00"
    assert found.notes == ()


def test_attributes_are_read_by_configuration() -> None:
    row = product({"hsn_code": "6109 10.00", "ean": " 8901234567890 ", "gst": "5.0000", "length": "30"})
    found = magento_product(row, RULES)
    assert (found.hsn, found.barcode) == ("61091000", "8901234567890")
    assert (found.gst_percent, found.length_cm) == (Decimal(5), Decimal(30))
    bare = magento_product(row, CatalogueConfig())
    assert (bare.barcode, bare.gst_percent, bare.length_cm) == ("", None, None)


@pytest.mark.parametrize(("unit", "grams"), [("kg", "200"), ("g", "0.2"), ("lb", "90.718474")])
def test_weights_are_in_the_store_s_unit(unit: str, grams: str) -> None:
    found = magento_product(product(), CatalogueConfig.model_validate({"weight_unit": unit}))
    assert found.weight_g == Decimal(grams)


@pytest.mark.parametrize(
    ("attributes", "more", "note"),
    [
        ({"hsn_code": "cotton"}, {}, "the HSN code is 'cotton'"),
        ({"hsn_code": "12345"}, {}, "the HSN code is '12345'"),
        ({"length": "-3"}, {}, "length is '-3'"),
        ({"length": "about 30"}, {}, "length is 'about 30'"),
        ({}, {"weight": "NaN"}, "weight is 'NaN'"),
        ({}, {"price": -1}, "price is '-1'"),
    ],
)
def test_what_is_odd_is_noted_and_keeps_nothing_out(attributes: Row, more: Row, note: str) -> None:
    found = magento_product(product(attributes, **more), RULES)
    assert found.sku == "SKU-001"
    assert len(found.notes) == 1
    assert found.notes[0].startswith(note)


def test_pictures_that_are_shown_the_main_one_first() -> None:
    entries = [
        {"media_type": "image", "file": "/b.jpg", "position": 1, "disabled": False, "types": []},
        {"media_type": "image", "file": "/off.jpg", "position": 0, "disabled": True, "types": ["image"]},
        {"media_type": "external-video", "file": "/v.jpg", "position": 0, "disabled": False, "types": []},
        {"media_type": "image", "file": "/a.jpg", "position": 9, "disabled": False, "types": ["image", "thumbnail"]},
    ]
    assert magento_product(product(media_gallery_entries=entries), RULES).images == ("/a.jpg", "/b.jpg")


def test_every_kind_of_the_sandbox_s_catalogue() -> None:
    found = {
        made.sku: made
        for made in (
            magento_product(json.loads(json.dumps(row), parse_float=Decimal), RULES) for row in Catalogue().documents()
        )
    }
    ids = {made.product_id: made for made in found.values()}
    tee = found["TEE-1"]
    assert tee.type_id == "configurable"
    assert [ids[child.product_id or 0].sku for child in tee.children] == [
        f"TEE-1-{colour}" for colour in ("Red", "Blue", "Green", "Ivory")
    ]
    bundle = found["BUN-1"]
    assert bundle.type_id == "bundle"
    assert all(child.sku in found and child.quantity >= 1 for child in bundle.children)
    assert found["VIRT-1"].weight_g is None
    assert not any(made.notes for made in found.values())


def test_empty_extension_is_written_as_a_list_by_php() -> None:
    assert magento_product(product(extension_attributes=[]), RULES).children == ()


def test_bundle_part_of_no_quantity() -> None:
    link = {"sku": "A", "qty": "2.0000"}
    row = product(extension_attributes={"bundle_product_options": [{"title": "Box", "product_links": [link]}]})
    assert magento_product(row, RULES).children == (Child(sku="A", quantity=Decimal("2.0000"), option="Box"),)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"sku": ""}, "missing_field"),
        ({"id": "x"}, "missing_field"),
        ({"updated_at": "yesterday"}, "bad_time"),
        ({"custom_attributes": [3]}, "unexpected_shape"),
        ({"sku": "A" * 256}, "missing_field"),
    ],
)
def test_what_cannot_be_understood(more: Row, code: str) -> None:
    with pytest.raises(NotUnderstood) as told:
        magento_product(product() | more, RULES)
    assert told.value.code == code


def test_recorded_customer() -> None:
    found = magento_customer(recorded("278_customers_search.json"))
    assert (found.customer_id, found.website_id, found.store_id, found.group_id, found.gstin) == (1, 1, 1, 1, "")
    assert found.personal == {"name": "C One", "email": "c1@example.com", "addresses": []}


def test_customer_s_addresses_and_gstin() -> None:
    address = {
        "firstname": "Asha",
        "lastname": "Rao",
        "street": ["12, MG Road"],
        "city": "Pune",
        "region": {"region_code": "MH", "region": "Maharashtra", "region_id": 1},
        "postcode": "411001",
        "country_id": "IN",
        "telephone": "9800000001",
        "vat_id": "27aapfu0939f1zv",
        "default_shipping": True,
    }
    found = magento_customer(recorded("278_customers_search.json") | {"addresses": [address]})
    assert found.gstin == "27AAPFU0939F1ZV"
    [kept] = found.personal["addresses"]
    assert (kept["region"], kept["region_code"], kept["pincode"]) == ("Maharashtra", "MH", "411001")
    assert (kept["default_shipping"], kept["default_billing"]) == (True, False)


def test_trouble_with_a_customer_names_nobody() -> None:
    row = recorded("278_customers_search.json") | {"addresses": "c1@example.com"}
    with pytest.raises(NotUnderstood) as told:
        magento_customer(row)
    assert "c1@" not in told.value.reason + told.value.way_out


def test_of_a_dropdown_the_label_counts() -> None:
    rules = CatalogueConfig.model_validate({"hsn_attribute": "hsn", "barcode_attribute": "ean", "gst_attribute": "gst"})
    labels = {"hsn": {"5421": "61091000"}, "gst": {"7": "12 %"}, "ean": {"8": "890", "9": "891"}}
    found = magento_product(product({"hsn": "5421", "gst": "7", "ean": "8,9"}), rules, labels)
    assert (found.hsn, found.gst_percent, found.barcode) == ("61091000", Decimal(12), "890, 891")
    assert not found.notes
    stale = magento_product(product({"hsn": "5422", "ean": ["9"], "gst": ""}), rules, labels)
    assert (stale.hsn, stale.barcode, stale.gst_percent) == ("", "891", None)
    assert stale.notes == ("hsn is the option 5422, which the attribute does not have",)
