"""What the demo reads of the stores, with the standard library: its check shares nothing with what it checks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

PAGE = 200


def skus_on_magento(store_url: str, password: str) -> set[str]:
    """SKUs of all simple products of a store."""
    products = _rows(store_url, password, "products", "items[sku,type_id]", "entity_id")
    return {item["sku"] for item in products if item["type_id"] == "simple"}


def orders_on_magento(store_url: str, password: str) -> Iterator[Mapping[str, Any]]:
    """All orders of a store."""
    fields = "items[entity_id,increment_id,store_id,created_at,state,status,status_histories[comment]]"
    yield from _rows(store_url, password, "orders", fields, "entity_id")


def _rows(store_url: str, password: str, what: str, fields: str, sort: str) -> Iterator[Mapping[str, Any]]:
    token = _token(store_url, password)
    page = 1
    while True:
        query = urlencode(
            {
                "searchCriteria[pageSize]": PAGE,
                "searchCriteria[currentPage]": page,
                "searchCriteria[sortOrders][0][field]": sort,
                "searchCriteria[sortOrders][0][direction]": "ASC",
                "fields": fields,
            }
        )
        request = Request(f"{store_url}/rest/V1/{what}?{query}", headers={"Authorization": f"Bearer {token}"})  # noqa: S310
        with urlopen(request, timeout=60) as answer:  # noqa: S310  (the sandbox's own URL)
            items = json.load(answer)["items"] or []
        yield from items
        if len(items) < PAGE:
            return
        page += 1


def _token(store_url: str, password: str) -> str:
    login = json.dumps({"username": "admin", "password": password}).encode()
    request = Request(  # noqa: S310
        f"{store_url}/rest/V1/integration/admin/token", login, {"Content-Type": "application/json"}
    )
    with urlopen(request, timeout=30) as answer:  # noqa: S310
        return str(json.load(answer))
