"""Stock over REST: legacy stock items, source items, salable quantity, sources, stocks and their links.

The legacy stock item mirrors the source item of source `default`, and the other way round; nothing else does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from commerce_sandbox.magento_rules import bodies
from commerce_sandbox.magento_rules.book import Document, Refused, RuleSwitches
from commerce_sandbox.magento_rules.numbers import ZERO, dec, num, stamp
from commerce_sandbox.magento_rules.stock_book import (
    DEFAULT_SOURCE,
    DEFAULT_STOCK,
    SourceItem,
    StockBook,
    StockLink,
    StockProduct,
    fold,
)


class StockFault(Exception):
    """A source could not give what was asked. Magento writes the text to its log only."""


_STOCK_ITEM_FIELDS: bodies.Fields = {
    "item_id": "int",
    "product_id": "int",
    "stock_id": "int",
    "qty": "float",
    "is_in_stock": "bool",
    "is_qty_decimal": "bool",
    "show_default_notification_message": "bool",
    "use_config_min_qty": "bool",
    "min_qty": "float",
    "use_config_min_sale_qty": "int",
    "min_sale_qty": "float",
    "use_config_max_sale_qty": "bool",
    "max_sale_qty": "float",
    "use_config_backorders": "bool",
    "backorders": "int",
    "use_config_notify_stock_qty": "bool",
    "notify_stock_qty": "float",
    "use_config_qty_increments": "bool",
    "qty_increments": "float",
    "use_config_enable_qty_inc": "bool",
    "enable_qty_increments": "bool",
    "use_config_manage_stock": "bool",
    "manage_stock": "bool",
    "low_stock_date": "string",
    "is_decimal_divided": "bool",
    "stock_status_changed_auto": "int",
    "extension_attributes": "extension",
}
_IDENTITY = ("item_id", "product_id", "stock_id")


def new_stock_item(product: StockProduct, quantity: Decimal = ZERO, *, in_stock: bool = True) -> Document:
    """A product's legacy stock item as a fresh product has it. Its id equals the product's here."""
    return {
        "item_id": product.product_id,
        "product_id": product.product_id,
        "stock_id": DEFAULT_STOCK,
        "qty": num(quantity),
        "is_in_stock": in_stock,
        "is_qty_decimal": False,
        "show_default_notification_message": False,
        "use_config_min_qty": True,
        "min_qty": 0,
        "use_config_min_sale_qty": 1,
        "min_sale_qty": 1,
        "use_config_max_sale_qty": True,
        "max_sale_qty": 10000,
        "use_config_backorders": True,
        "backorders": 0,
        "use_config_notify_stock_qty": True,
        "notify_stock_qty": 1,
        "use_config_qty_increments": True,
        "qty_increments": 0,
        "use_config_enable_qty_inc": True,
        "enable_qty_increments": False,
        "use_config_manage_stock": True,
        "manage_stock": True,
        "low_stock_date": None,
        "is_decimal_divided": False,
        "stock_status_changed_auto": 0,
    }


def get_stock_item(stock: StockBook, sku: str) -> Document:
    """`GET /V1/stockItems/{sku}`.

    Raises:
        Refused: 404 for an unknown SKU.
    """
    product = _product(stock, sku)
    return stock.stock_item(sku) or new_stock_item(product)


def put_stock_item(stock: StockBook, sku: str, body: Any, now: datetime) -> int:
    """`PUT /V1/products/{sku}/stockItems/{any id}`: sent fields change, the answer is the product's own item id.

    The ids in path and body are ignored. A quantity at or below `min_qty` turns the item out of stock; a higher one
    does not turn it in stock. Source `default` follows, even where no selling stock uses it.

    Raises:
        Refused: 404 for an unknown SKU, 400 for a missing `stockItem` or a value of the wrong type.
    """
    sent = bodies.entity(bodies.parameter(body, "stockItem"), _STOCK_ITEM_FIELDS)
    product = _product(stock, sku)
    item = dict(stock.stock_item(sku) or new_stock_item(product))
    item |= {key: value for key, value in sent.items() if key not in _IDENTITY and key != "extension_attributes"}
    item["low_stock_date"] = stamp(now) if dec(item["qty"]) < dec(item["notify_stock_qty"]) else None
    item["stock_status_changed_auto"] = 0
    if _empty(item) and item["is_in_stock"]:
        item["is_in_stock"] = False
        item["stock_status_changed_auto"] = 1
    stock.put_stock_item(sku, item)
    if product.has_source_items:
        row = SourceItem(product.sku, DEFAULT_SOURCE, dec(item["qty"]), int(bool(item["is_in_stock"])))
        stock.put_source_items([row])
    return int(item["item_id"])


def post_source_items(stock: StockBook, body: Any, rules: RuleSwitches) -> list[Any]:
    """`POST /V1/inventory/source-items`: set quantities and statuses; all are checked before the first is written.

    SKUs are not looked up: an unknown one leaves a row that belongs to no product.

    Raises:
        Refused: 400 for an empty list, for the first row that is malformed, or for an unknown source in any row.
    """
    rows = _source_item_rows(body)
    _refuse_malformed(rows, rules)
    if any(stock.source(row["source_code"]) is None for row in rows):
        raise Refused(400, "Could not save Source Item")
    write_source_items(
        stock,
        [SourceItem(row["sku"], row["source_code"], dec(row["quantity"]), int(row["status"])) for row in rows],
    )
    return []


def delete_source_items(stock: StockBook, body: Any, rules: RuleSwitches) -> list[Any]:
    """`POST /V1/inventory/source-items-delete`: rows that do not exist are passed over.

    Raises:
        Refused: 400 for an empty list or a missing `sourceItems`.
    """
    for row in _source_item_rows(body):
        sku, source_code = str(row.get("sku") or ""), str(row.get("source_code") or "")
        stock.delete_source_item(sku, source_code)
        if source_code == DEFAULT_SOURCE:
            _mirror_to_stock_items(stock, [SourceItem(sku, source_code, ZERO, 0)])
    return []


def write_source_item(stock: StockBook, item: SourceItem) -> None:
    """Write one row; a row of source `default` changes the legacy stock item with it."""
    write_source_items(stock, [item])


def write_source_items(stock: StockBook, items: Sequence[SourceItem]) -> None:
    """Write rows, of one SKU and source the last; rows of source `default` change the legacy stock items with them."""
    stock.put_source_items(items)
    _mirror_to_stock_items(stock, [item for item in items if item.source_code == DEFAULT_SOURCE])


def salable_quantity(stock: StockBook, sku: str, stock_id: int) -> int | float:
    """`GET /V1/inventory/get-product-salable-quantity/{sku}/{stockId}`: what is left to promise.

    The sources of the stock that are enabled and in stock, plus reservations (negative), less `min_qty`; 0 where the
    index does not list the product as salable, so also for a stock that does not exist. May be below 0.

    Raises:
        Refused: 404 for an unknown SKU, 400 for a product type without stock of its own.
    """
    product = _product(stock, sku)
    if not product.has_source_items:
        raise Refused(400, "Can't check requested quantity for products without Source Items support.")
    held = _held(stock, sku, stock_id)
    if not stock.index_ready(stock_id) or held <= 0:
        return 0
    least = dec(get_stock_item(stock, sku).get("min_qty"))
    return num(held + stock.reserved(stock_id, sku) - least)


def is_salable(stock: StockBook, sku: str, stock_id: int) -> bool:
    """`GET /V1/inventory/is-product-salable/{sku}/{stockId}`; an unknown SKU is not salable."""
    product = stock.product(sku)
    if product is None or not product.has_source_items:
        return False
    return dec(salable_quantity(stock, sku, stock_id)) > 0


def select_sources(stock: StockBook, body: Any) -> Document:
    """`POST /V1/inventory/source-selection-algorithm-result`, algorithm `priority`.

    Raises:
        Refused: 400 for a missing request or an unknown algorithm.
    """
    request = bodies.parameter(body, "inventoryRequest")
    code = bodies.parameter(body, "algorithmCode")
    if code != "priority":
        raise Refused(500, "Internal Error. Details are available in Magento log file. Report ID: webapi-sandbox")
    stock_id = int(request.get("stockId") or request.get("stock_id") or DEFAULT_STOCK)
    chosen: list[Document] = []
    shippable = True
    for wanted in request.get("items") or []:
        missing = dec(wanted.get("qty"))
        for item in _by_priority(stock, str(wanted["sku"]), stock_id):
            taken = min(missing, max(item.quantity, ZERO))
            missing -= taken
            chosen.append(
                {
                    "source_code": item.source_code,
                    "sku": wanted["sku"],
                    "qty_to_deduct": num(taken),
                    "qty_available": num(item.quantity),
                }
            )
        shippable = shippable and missing <= 0
    return {"source_selection_items": chosen, "shippable": shippable}


def stock_of_website(stock: StockBook, website_code: str) -> int:
    """The stock that sells on a website; the default stock where none names it."""
    for document in stock.stocks():
        channels = (document.get("extension_attributes") or {}).get("sales_channels") or []
        if any(channel.get("code") == website_code for channel in channels):
            return int(document["stock_id"])
    return DEFAULT_STOCK


def manages_stock(stock: StockBook, sku: str) -> bool:
    """Whether stock is kept for a SKU; unknown products are kept like any other."""
    item = stock.stock_item(sku)
    return item is None or bool(item.get("manage_stock", True))


def _by_priority(stock: StockBook, sku: str, stock_id: int) -> list[SourceItem]:
    rows = {item.source_code: item for item in stock.source_items(sku)}
    enabled = (link for link in stock.links(stock_id) if (stock.source(link.source_code) or {}).get("enabled", False))
    found = (rows.get(link.source_code) for link in enabled)
    return [item for item in found if item is not None and item.status == 1]


def _held(stock: StockBook, sku: str, stock_id: int) -> Decimal:
    return sum((item.quantity for item in _by_priority(stock, sku, stock_id)), ZERO)


def _product(stock: StockBook, sku: str) -> StockProduct:
    product = stock.product(sku)
    if product is None:
        raise Refused(404, 'The Product with the "%1" SKU doesn\'t exist.', [sku])
    return product


def _empty(item: Document) -> bool:
    """Whether a managed stock item has nothing left to sell and takes no backorders."""
    return bool(item["manage_stock"]) and not item["backorders"] and dec(item["qty"]) <= dec(item["min_qty"])


def _mirror_to_stock_items(stock: StockBook, items: Sequence[SourceItem]) -> None:
    latest = {fold(item.sku): item for item in items}
    skus = [item.sku for item in latest.values()]
    products, known = stock.products_of(skus), stock.stock_items_of(skus)
    rows: dict[str, Document] = {}
    for folded, item in latest.items():
        if folded not in products:
            continue
        row = dict(known.get(folded) or new_stock_item(products[folded]))
        row["qty"] = num(item.quantity)
        row["is_in_stock"] = item.status == 1 and not _empty(row)
        rows[item.sku] = row
    stock.put_stock_items(rows)


_SOURCE_ITEM_FIELDS: bodies.Fields = {
    "sku": "string",
    "source_code": "string",
    "quantity": "float",
    "status": "int",
    "extension_attributes": "extension",
}


def _source_item_rows(body: Any) -> list[Document]:
    rows = bodies.entities(bodies.parameter(body, "sourceItems"), _SOURCE_ITEM_FIELDS)
    if not rows:
        raise Refused(400, "Input data is empty")
    return rows


_Check = tuple[str, str, Callable[[Any], bool]]
_CHECKS: tuple[_Check, ...] = (
    ("sku", '"%field" can not be empty.', lambda value: not str(value or "").strip()),
    (
        "sku",
        '"%field" can not contain leading or trailing spaces.',
        lambda value: value is not None and value != value.strip(),
    ),
    ("source_code", '"%field" can not be empty.', lambda value: not str(value or "").strip()),
    (
        "source_code",
        '"%field" can not contain whitespaces.',
        lambda value: value is not None and any(letter.isspace() for letter in value),
    ),
    ("quantity", '"%field" should be numeric.', lambda value: value is None),
    ("status", '"%field" should be numeric.', lambda value: value is None),
    ("status", '"%field" should a known status.', lambda value: value is not None and value not in {0, 1}),
)


def _refuse_malformed(rows: list[Document], rules: RuleSwitches) -> None:
    """Refuse the lot for its first malformed row, with every objection to that row."""
    for row in rows:
        found = [(field, text) for field, text, wrong in _CHECKS if wrong(row.get(field))]
        if found:
            first_field, first_text = found[0]
            inline = f": {first_text.replace('%field', first_field)}" if rules.validation_errors_inline else ""
            errors = [{"message": text, "parameters": {"field": field}} for field, text in found]
            raise Refused(400, f"Validation Failed{inline}", errors=errors)


_SOURCE_FIELDS: bodies.Fields = {
    "source_code": "string",
    "name": "string",
    "email": "string",
    "contact_name": "string",
    "enabled": "bool",
    "description": "string",
    "latitude": "float",
    "longitude": "float",
    "country_id": "string",
    "region_id": "int",
    "region": "string",
    "city": "string",
    "street": "string",
    "postcode": "string",
    "phone": "string",
    "fax": "string",
    "use_default_carrier_config": "bool",
    "carrier_links": "mixed",
    "extension_attributes": "extension",
}


def post_source(stock: StockBook, body: Any, source_code: str | None = None) -> list[Any]:
    """`POST /V1/inventory/sources` (repeating it is an update) and `PUT /V1/inventory/sources/{code}`.

    Raises:
        Refused: 400 for a missing source, code, name, country or postcode.
    """
    sent = bodies.entity(bodies.parameter(body, "source"), _SOURCE_FIELDS)
    if source_code is not None:
        sent["source_code"] = source_code
    known = stock.source(str(sent.get("source_code") or "")) or {}
    merged = {**known, **sent}
    missing = [name for name in ("source_code", "name", "postcode", "country_id") if not merged.get(name)]
    if missing:
        errors = [{"message": '"%field" can not be empty.', "parameters": {"field": name}} for name in missing]
        raise Refused(400, f'Validation Failed: "{missing[0]}" can not be empty.', errors=errors)
    merged.setdefault("enabled", True)
    merged.setdefault("use_default_carrier_config", True)
    merged.setdefault("carrier_links", [])
    extension = {"is_pickup_location_active": False, "frontend_name": merged["name"]}
    merged["extension_attributes"] = extension | dict(merged.get("extension_attributes") or {})
    stock.save_source(merged)
    return []


def post_stock(stock: StockBook, body: Any, stock_id: int | None = None) -> int:
    """`POST /V1/inventory/stocks`: a new stock; the websites it names leave the stocks that had them.

    Raises:
        Refused: 400 for a missing stock or name.
    """
    fields: bodies.Fields = {"stock_id": "int", "name": "string", "extension_attributes": "extension"}
    sent = bodies.entity(bodies.parameter(body, "stock"), fields)
    if not str(sent.get("name") or "").strip():
        errors = [{"message": '"%field" can not be empty.', "parameters": {"field": "name"}}]
        raise Refused(400, 'Validation Failed: "name" can not be empty.', errors=errors)
    channels = (sent.get("extension_attributes") or {}).get("sales_channels") or []
    taken = {(channel.get("type"), channel.get("code")) for channel in channels}
    for other in stock.stocks():
        old = (other.get("extension_attributes") or {}).get("sales_channels") or []
        kept = [channel for channel in old if (channel.get("type"), channel.get("code")) not in taken]
        if len(kept) != len(old):
            stock.save_stock({**other, "extension_attributes": {"sales_channels": kept}})
    document: Document = {"name": sent["name"], "extension_attributes": {"sales_channels": channels}}
    if stock_id is not None or sent.get("stock_id"):
        document = {"stock_id": stock_id or sent["stock_id"], **document}
    return stock.save_stock(document)


_LINK_FIELDS: bodies.Fields = {
    "stock_id": "int",
    "source_code": "string",
    "priority": "int",
    "extension_attributes": "extension",
}


def post_links(stock: StockBook, body: Any) -> list[Any]:
    """`POST /V1/inventory/stock-source-links`: assign sources to stocks.

    Raises:
        Refused: 400 for an empty list, for a link of the default source or stock, or an unknown source or stock.
    """
    rows = _link_rows(body)
    errors = []
    for row in rows:
        if row.get("stock_id") == DEFAULT_STOCK:
            errors.append({"message": "Can not save link related to Default Stock", "parameters": []})
        if row.get("source_code") == DEFAULT_SOURCE:
            errors.append({"message": "Can not save link related to Default Source", "parameters": []})
    if errors:
        raise Refused(400, f"Validation Failed: {errors[0]['message']}", errors=errors)
    if any(stock.source(str(row.get("source_code"))) is None or stock.stock(row["stock_id"]) is None for row in rows):
        raise Refused(400, "Could not save StockSourceLinks")
    for row in rows:
        stock.save_link(StockLink(row["stock_id"], row["source_code"], int(row.get("priority") or 0)))
    return []


def delete_links(stock: StockBook, body: Any) -> list[Any]:
    """`POST /V1/inventory/stock-source-links-delete`.

    Raises:
        Refused: 400 for an empty list.
    """
    for row in _link_rows(body):
        stock.delete_link(int(row.get("stock_id") or 0), str(row.get("source_code") or ""))
    return []


def _link_rows(body: Any) -> list[Document]:
    rows = bodies.entities(bodies.parameter(body, "links"), _LINK_FIELDS)
    if not rows:
        raise Refused(400, "Input data is empty")
    return rows
