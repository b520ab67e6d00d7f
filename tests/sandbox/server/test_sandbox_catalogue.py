"""Products and customers of the stand-in: what lists and single documents hold, and how odd questions are refused."""

from __future__ import annotations

from typing import Any

import pytest
from tests.sandbox.server.test_sandbox_lists import where

from commerce_sandbox.in_process import InProcess


@pytest.fixture
def shop(sandbox: InProcess) -> InProcess:
    """A store with the generator's products and customers."""
    sandbox.place()
    return sandbox


def items(shop: InProcess, path: str) -> list[dict[str, Any]]:
    return list(shop.magento("GET", path).json()["items"] or [])


def attributes(product: dict[str, Any]) -> dict[str, Any]:
    return {each["attribute_code"]: each["value"] for each in product["custom_attributes"]}


def test_composite_products_name_their_parts(shop: InProcess) -> None:
    (tee,) = items(shop, f"V1/products?{where(('sku', 'tee-1', 'eq'))}")
    links = ",".join(map(str, tee["extension_attributes"]["configurable_product_links"]))
    choices = items(shop, f"V1/products?{where(('entity_id', links, 'in'))}")
    assert [choice["sku"] for choice in choices] == ["TEE-1-Red", "TEE-1-Blue", "TEE-1-Green", "TEE-1-Ivory"]
    (bundle,) = items(shop, f"V1/products?{where(('sku', 'BUN-1', 'eq'))}")
    parts = [
        link["sku"]
        for option in bundle["extension_attributes"]["bundle_product_options"]
        for link in option["product_links"]
    ]
    assert len(items(shop, f"V1/products?{where(('sku', ','.join(parts), 'in'))}")) == len(set(parts))


def test_products_have_what_the_brand_added(shop: InProcess) -> None:
    (tee,) = items(shop, f"V1/products?{where(('sku', 'TEE-1-Red', 'eq'))}")
    told = attributes(tee)
    assert told["hsn_code"] == "61091000"
    assert told["image"] == tee["media_gallery_entries"][0]["file"]
    digits = [int(digit) for digit in told["ean"]]
    assert len(digits) == 13
    assert (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10 == 0
    rates = {attributes(product)["tax_class_id"] for product in items(shop, "V1/products?searchCriteria=")}
    assert rates == {"2", "4", "5"}
    assert shop.magento("GET", f"V1/products?{where(('hsn_code', '61091000', 'eq'))}").json()["total_count"] == 30


def test_single_product_has_its_stock_item_and_lists_have_none(shop: InProcess) -> None:
    listed = items(shop, f"V1/products?{where(('sku', 'SKU-001', 'eq'))}")[0]
    single = shop.magento("GET", "V1/products/SKU-001").json()
    assert "stock_item" not in listed["extension_attributes"]
    assert single["extension_attributes"].pop("stock_item")["qty"] > 0
    assert single == listed


def test_single_customer_is_as_it_is_listed(shop: InProcess) -> None:
    (listed,) = items(shop, f"V1/customers/search?{where(('entity_id', '7', 'eq'))}")
    assert shop.magento("GET", "V1/customers/7").json() == listed
    missing = shop.magento("GET", "V1/customers/9999")
    assert (missing.status_code, missing.json()) == (
        404,
        {
            "message": "No such entity with %fieldName = %fieldValue",
            "parameters": {"fieldName": "customerId", "fieldValue": 9999},
        },
    )


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("V1/products", 400, '"%fieldName" is required'),
        ("V1/customers/search", 400, '"%fieldName" is required'),
        ("V1/customers/abc", 400, "type is invalid"),
        ("V1/products/NOPE", 404, "The product that was requested doesn't exist."),
        ("V1/products?searchCriteria[sortOrders][0][field]=nope", 400, 'The "%1" attribute name is invalid.'),
    ],
)
def test_odd_questions_are_refused(shop: InProcess, path: str, status: int, message: str) -> None:
    answer = shop.magento("GET", path)
    assert answer.status_code == status
    assert message in answer.json()["message"]


def test_page_past_the_end_is_empty(shop: InProcess) -> None:
    answer = shop.magento("GET", "V1/products?searchCriteria[pageSize]=50&searchCriteria[currentPage]=99").json()
    assert answer["items"] == []
    assert answer["total_count"] > 60


def test_options_of_a_dropdown_begin_with_the_empty_choice(shop: InProcess) -> None:
    shop.set_up(attribute_options={"hsn_code": {"41": "61091000", "42": "62052000"}})
    path = "V1/products/attributes/{}/options"
    assert shop.magento("GET", path.format("hsn_code")).json() == [
        {"label": " ", "value": ""},
        {"label": "61091000", "value": "41"},
        {"label": "62052000", "value": "42"},
    ]
    assert shop.magento("GET", path.format("ean")).json() == []
    unknown = shop.magento("GET", path.format("nothing"))
    assert unknown.status_code == 404
    assert unknown.json()["parameters"] == ["nothing"]
