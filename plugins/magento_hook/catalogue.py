"""Reading products and customers by id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from careful_http.exchange import Call
from careful_http.outcome import unreadable
from magento_hook.client import MagentoClient
from magento_hook.criteria import Condition, Filter, MasterField
from magento_hook.lists import Groups, ListReader, Rows
from magento_oms.ports import ChangedIn, Json, MasterPage, NotFound, PermanentError

_BY_ID = (MasterField.ENTITY_ID,)


class CatalogueReader:
    """Implements `ports.MagentoCatalogue` over a client. May be used by several threads."""

    def __init__(self, client: MagentoClient) -> None:
        self._client = client
        self._products = ListReader(client, "/products", "products")
        self._customers = ListReader(client, "/customers/search", "customers")

    def products_after(self, after: int, where: ChangedIn, *, page_size: int) -> MasterPage:
        """The next products with a higher id, of every type and status.

        Raises:
            ConfigurationError: the store does not sort or filter as asked (a module interferes); nothing is skipped.
        """
        return _page_after(self._products, "product", after, where, page_size)

    def products_of(self, product_ids: Sequence[int], skus: Sequence[str]) -> MasterPage:
        """The products of these ids and those of these SKUs, as far as there are any.

        Magento splits `in` at every comma, so a SKU with one has a filter of its own.

        Raises:
            PermanentError: neither an id nor a SKU that a product can have; nothing was sent.
        """
        wanted: list[Filter] = []
        if product_ids:
            wanted.append(Filter(MasterField.ENTITY_ID, Condition.IN, tuple(product_ids)))
        askable = [sku for sku in skus if sku and sku == sku.strip() and sku.isprintable()]
        if plain := [sku for sku in askable if "," not in sku]:
            wanted.append(Filter(MasterField.SKU, Condition.IN, tuple(plain)))
        wanted += [Filter(MasterField.SKU, Condition.EQ, sku) for sku in askable if "," in sku]
        if not wanted:
            raise PermanentError("Products were asked for by SKUs that no product can have.")
        found = self._products.page((tuple(wanted),), _BY_ID, len(product_ids) + len(skus))
        return _master_page(found)

    def shipped_apart(self, product_ids: Sequence[int]) -> frozenset[int]:
        """Those of the bundles whose parts are shipped on their own (`shipment_type` 1).

        An order does not tell it, and a shipment of the wrong items is refused, or silently lacks them.
        """
        wanted = Filter(MasterField.ENTITY_ID, Condition.IN, tuple(product_ids))
        found = self._products.page(((wanted,),), _BY_ID, len(product_ids))
        return frozenset(int(row["id"]) for row in found.rows if _attribute(row, "shipment_type") == "1")

    def customers_after(self, after: int, where: ChangedIn, *, page_size: int) -> MasterPage:
        """The next registered customers with a higher id, with their addresses. Raises as `products_after`."""
        return _page_after(self._customers, "customer", after, where, page_size)

    def attribute_labels(self, attribute: str) -> Mapping[str, str]:
        """What the options of a dropdown attribute say, by their numbers; empty: it is none, or there is none such.

        Multi-selects count as dropdowns, and yes/no does.

        Raises:
            ConfigurationError: the permission for attributes is missing.
        """
        call = Call("GET", f"/products/attributes/{attribute}/options", about=f"options of {attribute}")
        try:
            answer = self._client.call(call)
        except NotFound:
            return {}
        try:
            rows = answer.json
        except ValueError:
            rows = None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise unreadable(call, answer, self._client.whose, "the answer is no list of options.")
        # The first one is the empty choice.
        options = (row for row in rows if row.get("value") not in ("", None))
        return {str(row["value"]): str(row.get("label") or "").strip() for row in options}

    def count_products(self, where: ChangedIn) -> int:
        """How many products there are."""
        return self._products.count(_changed(where))

    def count_customers(self, where: ChangedIn) -> int:
        """How many customers there are."""
        return self._customers.count(_changed(where))


def _attribute(product: Json, code: str) -> str:
    values = (
        each.get("value") for each in product.get("custom_attributes") or () if each.get("attribute_code") == code
    )
    return str(next(values, ""))


def _page_after(lists: ListReader, noun: str, after: int, where: ChangedIn, page_size: int) -> MasterPage:
    page = lists.page((*_changed(where), (Filter(MasterField.ENTITY_ID, Condition.GT, after),)), _BY_ID, page_size)
    last = after
    for row in page.rows:
        try:
            this = int(row["id"])
        except (KeyError, TypeError, ValueError):
            this = 0
        if this <= last:
            # The next page starts after the last id: a row out of place would leave others out.
            raise lists.out_of_place(f"{noun} {row.get('id')}")
        last = this
    return _master_page(page)


def _master_page(page: Rows) -> MasterPage:
    return MasterPage(page.rows, page.raw, page.server_time, page.last)


def _changed(where: ChangedIn) -> Groups:
    groups: list[tuple[Filter, ...]] = []
    if where.start is not None:
        groups.append((Filter(MasterField.UPDATED_AT, Condition.GTEQ, where.start),))
    if where.end is not None:
        groups.append((Filter(MasterField.UPDATED_AT, Condition.LT, where.end),))
    return tuple(groups)
