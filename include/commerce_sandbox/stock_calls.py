"""Stock over HTTP: the rules' functions, wired to the store's stock book."""

from __future__ import annotations

from typing import Any

from commerce_sandbox.actions import lock_store
from commerce_sandbox.database import Connection
from commerce_sandbox.http_types import Call, Effect
from commerce_sandbox.magento_rules import inventory
from commerce_sandbox.magento_rules.book import Refused, no_such_entity
from commerce_sandbox.php import to_int


def get_stock_item(call: Call, connection: Connection) -> Any:
    """`GET /V1/stockItems/{sku}`."""
    return inventory.get_stock_item(call.store.stock(connection), call.variables["productSku"])


def get_stock_status(call: Call, connection: Connection) -> Any:
    """`GET /V1/stockStatuses/{sku}`: the stock item with its status, as the legacy index has it."""
    item = inventory.get_stock_item(call.store.stock(connection), call.variables["productSku"])
    return {
        "product_id": item["product_id"],
        "stock_id": item["stock_id"],
        "qty": item["qty"],
        "stock_status": int(bool(item["is_in_stock"])),
        "stock_item": item,
    }


def put_stock_item(call: Call, connection: Connection) -> Any:
    """`PUT /V1/products/{sku}/stockItems/{id}`."""
    lock_store(call, connection)
    sku = call.variables["productSku"]
    context = call.stores.context(call.store, connection, call.now)
    item_id = inventory.put_stock_item(context.stock, sku, call.json_body(), context.now)
    after = context.stock.stock_item(sku) or {}
    call.effects.append(Effect("stock item", None, {"sku": sku, "quantity": after.get("qty")}))
    return item_id


def post_source_items(call: Call, connection: Connection) -> Any:
    """`POST /V1/inventory/source-items`."""
    body = call.json_body()
    refuse_long_array(call, body, "sourceItems", "\\Magento\\InventoryApi\\Api\\Data\\SourceItemInterface")
    lock_store(call, connection)
    answer = inventory.post_source_items(call.store.stock(connection), body, call.store.settings.rules)
    rows = body.get("sourceItems", body.get("source_items")) or []
    written = list(rows.values() if isinstance(rows, dict) else rows)
    call.rows = len(written)
    call.effects += [Effect("source item", None, row) for row in written]
    return answer


def delete_source_items(call: Call, connection: Connection) -> Any:
    """`POST /V1/inventory/source-items-delete`."""
    lock_store(call, connection)
    return inventory.delete_source_items(call.store.stock(connection), call.json_body(), call.store.settings.rules)


def refuse_long_array(call: Call, body: Any, name: str, kind: str) -> None:
    """Refuse an array that is longer than the store's limits allow.

    Raises:
        Refused: 400 with the limit.
    """
    limits = call.store.settings.input_limits
    limit = int(str(call.store.settings.switch("hard_array_limit"))) if limits is None else int(limits.get("array", 20))
    rows = body.get(name) if isinstance(body, dict) else None
    if limit and isinstance(rows, list) and len(rows) > limit:
        raise Refused(400, 'Maximum items of type "%type" is %max', {"type": kind, "max": limit})


def salable_quantity(call: Call, connection: Connection) -> Any:
    """`GET /V1/inventory/get-product-salable-quantity/{sku}/{stockId}`."""
    return inventory.salable_quantity(
        call.store.stock(connection), call.variables["sku"], to_int(call.variables["stockId"])
    )


def is_salable(call: Call, connection: Connection) -> Any:
    """`GET /V1/inventory/is-product-salable/{sku}/{stockId}`."""
    return inventory.is_salable(call.store.stock(connection), call.variables["sku"], to_int(call.variables["stockId"]))


def select_sources(call: Call, connection: Connection) -> Any:
    """`POST /V1/inventory/source-selection-algorithm-result`."""
    return inventory.select_sources(call.store.stock(connection), call.json_body())


def stock_of_website(call: Call, connection: Connection) -> Any:
    """`GET /V1/inventory/stock-resolver/{type}/{code}`."""
    stock = call.store.stock(connection)
    found = stock.stock(inventory.stock_of_website(stock, call.variables["code"]))
    if found is None:
        raise no_such_entity()
    return found


def get_source(call: Call, connection: Connection) -> Any:
    """`GET /V1/inventory/sources/{code}`."""
    code = call.variables["sourceCode"]
    found = call.store.stock(connection).source(code)
    if found is None:
        raise Refused(404, 'Source with code "%value" does not exist.', {"value": code})
    return found


def get_stock(call: Call, connection: Connection) -> Any:
    """`GET /V1/inventory/stocks/{id}`."""
    stock_id = to_int(call.variables["stockId"])
    found = call.store.stock(connection).stock(stock_id)
    if found is None:
        raise Refused(404, 'Stock with id "%value" does not exist.', {"value": stock_id})
    return found


def post_source(call: Call, connection: Connection) -> Any:
    """`POST /V1/inventory/sources` and `PUT /V1/inventory/sources/{code}`."""
    lock_store(call, connection)
    return inventory.post_source(call.store.stock(connection), call.json_body(), call.variables.get("sourceCode"))


def post_stock(call: Call, connection: Connection) -> Any:
    """`POST /V1/inventory/stocks` and `PUT /V1/inventory/stocks/{id}`."""
    lock_store(call, connection)
    stock_id = call.variables.get("stockId")
    return inventory.post_stock(
        call.store.stock(connection), call.json_body(), None if stock_id is None else to_int(stock_id)
    )


def post_links(call: Call, connection: Connection) -> Any:
    """`POST /V1/inventory/stock-source-links`."""
    lock_store(call, connection)
    return inventory.post_links(call.store.stock(connection), call.json_body())


def delete_links(call: Call, connection: Connection) -> Any:
    """`POST /V1/inventory/stock-source-links-delete`."""
    lock_store(call, connection)
    return inventory.delete_links(call.store.stock(connection), call.json_body())
