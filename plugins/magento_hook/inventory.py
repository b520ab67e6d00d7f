"""Stock: source items in batches, legacy stock items one by one, what Magento sells from, and which products there are.

SKUs go into bodies and filters as they are, into paths percent-encoded once (`/`, `%`, `+` and the like work so).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

from careful_http.exchange import Answer, Call
from careful_http.outcome import unreadable
from magento_hook.client import MagentoClient
from magento_hook.errors import PageTooLarge
from magento_oms.ports import ConfigurationError
from magento_oms.ports.inventory import StockLayout, StockLine

MOST_SKUS = 100
"""SKUs in one filter."""
LONGEST_FILTER = 5000
"""Characters of one filter, percent-encoded: web servers refuse lines above 8 kB."""
ALL = 300
"""Rows of a list that is read whole: the largest page that every store allows."""

Criteria = Sequence[Sequence[tuple[str, str, str]]]
"""Groups that are ANDed, of (field, condition, value) that are ORed."""


class InventoryActions:
    """Implements `ports.MagentoInventory` over a client. May be used by several threads."""

    def __init__(self, client: MagentoClient) -> None:
        self._client = client
        self._page = ALL

    def stock_layout(self) -> StockLayout | None:
        """Which sources stores sell from; None where the store has no multi-source inventory.

        Raises:
            ConfigurationError: a permission is missing.
        """
        try:
            stocks = self._in_pages_it_takes(lambda: self._whole_list("/inventory/stocks", "stocks"))
        except ConfigurationError as error:
            if error.status == 404:
                return None
            raise
        links = self._in_pages_it_takes(lambda: self._whole_list("/inventory/stock-source-links", "sources of stocks"))
        websites = {
            int(row["id"]): str(row["code"]) for row in self._plain("/store/websites", "websites") if "code" in row
        }
        stock_of_website = {
            str(channel.get("code")): int(stock["stock_id"])
            for stock in stocks
            for channel in _extension(stock).get("sales_channels") or ()
        }
        stock_of = {}
        for view in self._plain("/store/storeViews", "store views"):
            website = websites.get(int(view.get("website_id") or 0), "")
            if website in stock_of_website:
                stock_of[int(view["id"])] = stock_of_website[website]
        sources_of: dict[int, set[str]] = {}
        for link in links:
            sources_of.setdefault(int(link["stock_id"]), set()).add(str(link["source_code"]))
        return StockLayout(stock_of, {stock: frozenset(sources) for stock, sources in sources_of.items()})

    def product_types(self, skus: Collection[str]) -> Mapping[str, str]:
        """Product types of those of the SKUs that the store has, by the SKU as it was asked for.

        Magento compares SKUs without case and trailing blanks, and so does this.
        """
        types: dict[str, str] = {}
        for row in self._of_skus("/products", "products", skus, fields="items[sku,type_id],total_count"):
            types[_folded(str(row.get("sku")))] = str(row.get("type_id"))
        return {sku: types[_folded(sku)] for sku in skus if _folded(sku) in types}

    def set_source_items(self, lines: Sequence[StockLine]) -> None:
        """Set what sources have, in one call.

        Raises:
            TooManyLines: send fewer at a time.
            PermanentError: one line is malformed, so that none was taken.
            RetryableError: most often a database lock; a part may have been written.
            UnknownOutcome: the answer was lost; it may still be written for a while.
        """
        body = {
            "sourceItems": [
                {
                    "sku": line.sku,
                    "source_code": line.source,
                    "quantity": line.quantity,
                    "status": int(line.quantity > 0),
                }
                for line in lines
            ]
        }
        about = f"stock of {lines[0].sku}" if len(lines) == 1 else f"stock of {len(lines)} SKUs"
        call = Call("POST", "/inventory/source-items", body=body, about=about, changes=True)
        self._parsed(call, self._client.call(call))

    def set_stock_item(self, sku: str, quantity: Decimal) -> None:
        """Set what the source `default` has. Magento finds the item by the SKU, whatever id the path names.

        Raises:
            NotFound: there is no such SKU.
        """
        body = {"stockItem": {"qty": quantity, "is_in_stock": quantity > 0}}
        path = f"/products/{quote(sku, safe='')}/stockItems/1"
        call = Call("PUT", path, body=body, about=f"stock of {sku}", changes=True)
        self._parsed(call, self._client.call(call))

    def source_quantities(self, lines: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], Decimal]:
        """(SKU, source) → what the source has now; those without a row are left out."""
        wanted = {(_folded(sku), source): (sku, source) for sku, source in lines}
        sources = sorted({source for _, source in lines})
        rows = self._of_skus(
            "/inventory/source-items",
            "source items",
            {sku for sku, _ in lines},
            also=((("source_code", "in", ",".join(sources)),),),
            rows_each=len(sources),
        )
        found: dict[tuple[str, str], Decimal] = {}
        for row in rows:
            key = wanted.get((_folded(str(row.get("sku"))), str(row.get("source_code"))))
            if key is not None:
                found[key] = _decimal(row.get("quantity"))
        return found

    def stock_item_quantity(self, sku: str) -> Decimal:
        """What the legacy stock item says now. Raises NotFound."""
        call = Call("GET", f"/stockItems/{quote(sku, safe='')}", about=f"stock of {sku}")
        answer = self._client.call(call)
        item = self._parsed(call, answer)
        if not isinstance(item, dict) or "qty" not in item:
            raise unreadable(call, answer, self._client.whose, "the answer is no stock item.")
        return _decimal(item["qty"])

    def salable_quantity(self, sku: str, stock_id: int) -> Decimal:
        """What Magento itself would still sell from a stock. Raises NotFound."""
        path = f"/inventory/get-product-salable-quantity/{quote(sku, safe='')}/{stock_id}"
        call = Call("GET", path, about=f"salable quantity of {sku}")
        answer = self._client.call(call)
        found = self._parsed(call, answer)
        if isinstance(found, bool) or not isinstance(found, (int, Decimal)):
            raise unreadable(call, answer, self._client.whose, "the answer is no quantity.")
        return Decimal(found)

    def _of_skus(
        self, path: str, about: str, skus: Collection[str], *, also: Criteria = (), rows_each: int = 1, fields: str = ""
    ) -> list[Mapping[str, Any]]:
        """The rows of SKUs, in portions that a filter and a page hold."""

        def read() -> list[Mapping[str, Any]]:
            most = max(1, min(MOST_SKUS, self._page // max(rows_each, 1)))
            return [
                row
                for some in _portions(sorted(skus), most)
                for row in self._whole_list(path, about, (_any_sku(some), *also), fields)
            ]

        return self._in_pages_it_takes(read)

    def _in_pages_it_takes(self, read: Callable[[], list[Mapping[str, Any]]]) -> list[Mapping[str, Any]]:
        """Read again in smaller pages where the store asks for it."""
        while True:
            try:
                return read()
            except PageTooLarge as refused:
                if not 0 < refused.limit < self._page:
                    raise
                self._page = refused.limit

    def _whole_list(self, path: str, about: str, groups: Criteria = (), fields: str = "") -> list[Mapping[str, Any]]:
        """All rows of a list that fits into one page. Raises RetryableError where it does not."""
        call = Call("GET", path, query=_query(groups, self._page, fields), about=about)
        answer = self._client.call(call)
        listed = self._parsed(call, answer)
        rows = (listed.get("items") or []) if isinstance(listed, dict) else listed
        total = listed.get("total_count") if isinstance(listed, dict) else None
        if not isinstance(rows, list) or (isinstance(total, int) and total > len(rows)):
            raise unreadable(call, answer, self._client.whose, "the list is not whole.")
        return [row for row in rows if isinstance(row, dict)]

    def _plain(self, path: str, about: str) -> list[Mapping[str, Any]]:
        call = Call("GET", path, about=about)
        rows = self._parsed(call, self._client.call(call))
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []

    def _parsed(self, call: Call, answer: Answer) -> Any:
        try:
            return answer.json
        except ValueError:
            raise unreadable(call, answer, self._client.whose, "the answer is no JSON.") from None


def _folded(sku: str) -> str:
    return sku.rstrip(" ").casefold()


def _decimal(value: Any) -> Decimal:
    return Decimal(str(value if value is not None else 0))


def _extension(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Extension attributes; PHP writes an empty object as a list."""
    found = row.get("extension_attributes")
    return found if isinstance(found, dict) else {}


def _any_sku(skus: Sequence[str]) -> list[tuple[str, str, str]]:
    """A group that any of the SKUs satisfies. `in` is split at commas, so SKUs with one are compared by themselves."""
    plain = [sku for sku in skus if "," not in sku]
    group = [("sku", "in", ",".join(plain))] if plain else []
    return group + [("sku", "eq", sku) for sku in skus if "," in sku]


def _portions(skus: Iterable[str], most: int) -> Iterator[list[str]]:
    """SKUs in portions that a filter and a page hold."""
    portion: list[str] = []
    length = 0
    for sku in skus:
        size = len(quote(sku, safe="")) + (150 if "," in sku else 3)
        if portion and (len(portion) >= most or length + size > LONGEST_FILTER):
            yield portion
            portion, length = [], 0
        portion.append(sku)
        length += size
    if portion:
        yield portion


def _query(groups: Criteria, page_size: int, fields: str) -> str:
    pairs: list[tuple[str, str | int]] = []
    for number, group in enumerate(groups):
        for place, (field, condition, value) in enumerate(group):
            name = f"searchCriteria[filter_groups][{number}][filters][{place}]"
            pairs += [(f"{name}[field]", field), (f"{name}[condition_type]", condition), (f"{name}[value]", value)]
    pairs += [("searchCriteria[pageSize]", page_size), ("searchCriteria[currentPage]", 1)]
    if fields:
        pairs.append(("fields", fields))
    return urlencode(pairs, quote_via=quote)
