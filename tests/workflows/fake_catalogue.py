"""The products and customers of a Magento in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from tests.workflows.payloads import Row, over_the_wire

from magento_oms.ports import ChangedIn, MasterPage, parse_magento_time


class FakeCatalogue:
    """Implements `ports.MagentoCatalogue` for `FakeMagento`, whose faults and calls it shares."""

    now: datetime

    def __init__(self) -> None:
        self.catalogue: dict[int, Row] = {}
        self.customers: dict[int, Row] = {}
        self.options: dict[str, dict[str, str]] = {}

    def _call(self, method: str) -> AbstractContextManager[None]:
        raise NotImplementedError

    def add_product(self, product_id: int, sku: str, kind: str = "simple", **more: Any) -> None:
        """A product is made, or saved again, now."""
        attributes = more.pop("attributes", {})
        written = f"{self.now:%Y-%m-%d %H:%M:%S}"
        self.catalogue[product_id] = {
            "id": product_id,
            "sku": sku,
            "name": f"Product {sku}",
            "price": 100,
            "status": 1,
            "type_id": kind,
            "created_at": written,
            "updated_at": written,
            "extension_attributes": {"website_ids": [1]},
            "media_gallery_entries": [],
            "custom_attributes": [
                {"attribute_code": code, "value": value} for code, value in {"tax_class_id": "2", **attributes}.items()
            ],
        } | more

    def add_customer(self, customer_id: int, **more: Any) -> None:
        """A customer signs up, or is saved again, now."""
        written = f"{self.now:%Y-%m-%d %H:%M:%S}"
        self.customers[customer_id] = {
            "id": customer_id,
            "group_id": 1,
            "created_at": written,
            "updated_at": written,
            "email": f"buyer{customer_id}@example.com",
            "firstname": "आशा",
            "lastname": "Rao",
            "store_id": 1,
            "website_id": 1,
            "addresses": [],
        } | more

    def products_after(self, after: int, where: ChangedIn, *, page_size: int) -> MasterPage:
        with self._call("products_after"):
            return self._master_page(_found(self.catalogue, after, where), page_size)

    def products_of(self, product_ids: Sequence[int], skus: Sequence[str]) -> MasterPage:
        with self._call("products_of"):
            rows = [row for row in self.catalogue.values() if row["id"] in product_ids or row["sku"] in skus]
            return self._master_page(iter(rows), len(rows) + 1)

    def customers_after(self, after: int, where: ChangedIn, *, page_size: int) -> MasterPage:
        with self._call("customers_after"):
            return self._master_page(_found(self.customers, after, where), page_size)

    def attribute_labels(self, attribute: str) -> Mapping[str, str]:
        with self._call("attribute_labels"):
            return self.options.get(attribute, {})

    def count_products(self, where: ChangedIn) -> int:
        with self._call("count_products"):
            return len(list(_found(self.catalogue, 0, where)))

    def count_customers(self, where: ChangedIn) -> int:
        with self._call("count_customers"):
            return len(list(_found(self.customers, 0, where)))

    def _master_page(self, rows: Iterator[Row], page_size: int) -> MasterPage:
        parsed = [over_the_wire(row) for row, _ in zip(rows, range(page_size), strict=False)]
        return MasterPage([one for one, _ in parsed], [raw for _, raw in parsed], self.now, len(parsed) < page_size)


def _found(rows: Mapping[int, Row], after: int, where: ChangedIn) -> Iterator[Row]:
    for row_id, row in sorted(rows.items()):
        at = parse_magento_time(row["updated_at"])
        if row_id > after and (where.start is None or at >= where.start) and (where.end is None or at < where.end):
            yield row
