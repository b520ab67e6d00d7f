"""What the store answers to questions: lists, single documents, statuses, comments, labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from commerce_sandbox import documents
from commerce_sandbox.columns import TABLES
from commerce_sandbox.criteria import Filter, PageLimits, SearchCriteria, read_criteria
from commerce_sandbox.database import Connection
from commerce_sandbox.documents import dump, load
from commerce_sandbox.http_types import Call, Rendered
from commerce_sandbox.listing import read_page
from commerce_sandbox.magento_rules.book import Document, Refused, no_such_entity
from commerce_sandbox.php import to_int
from commerce_sandbox.recorded_files import recorded

Handler = Callable[[Call, Connection], Any]

_DEFAULT_LIMIT_PAGE_SIZE = 20


def path_id(call: Call) -> int:
    """The `{id}` of the path, read as PHP reads an int.

    Raises:
        Refused: 400, not a number, or 0.
    """
    identity = to_int(call.variables["id"])
    if identity == 0:
        raise Refused(400, "An ID is needed. Set the ID and try again.")
    return identity


def page_limits(call: Call) -> PageLimits:
    """The list limits of the store: configured ones, or those that a version cannot switch off."""
    limits = call.store.settings.input_limits
    if limits is not None:
        return PageLimits(
            int(limits.get("max_page_size", 300)), int(limits.get("default_page_size", _DEFAULT_LIMIT_PAGE_SIZE))
        )
    hard = int(str(call.store.settings.switch("hard_page_limit")))
    return PageLimits(hard, _DEFAULT_LIMIT_PAGE_SIZE if hard else None)


def listing(table: str, *, add: Callable[[Call, Connection, Document], Document] | None = None) -> Handler:
    """A handler for a list call on a table.

    Args:
        add: completes each row, where the stored document is not all that the list shows.
    """

    def handler(call: Call, connection: Connection) -> Rendered:
        criteria = read_criteria(call.query, page_limits(call))
        return _rendered(call, connection, table, criteria, add)

    return handler


def _rendered(
    call: Call,
    connection: Connection,
    table: str,
    criteria: SearchCriteria,
    add: Callable[[Call, Connection, Document], Document] | None = None,
) -> Rendered:
    page = read_page(
        connection,
        TABLES[table],
        call.store.code,
        criteria,
        past_end=str(call.store.settings.switch("past_end")),
    )
    call.rows = len(page.rows)
    rows = page.rows if add is None else [dump(add(call, connection, load(row))) for row in page.rows]
    return Rendered(
        f'{{"items":[{",".join(rows)}],"search_criteria":{dump(criteria.as_document())},"total_count":{page.total}}}'
    )


def single(kind: str) -> Handler:
    """A handler for one document by its id.

    Raises (the handler):
        Refused: 404, there is none.
    """

    def handler(call: Call, connection: Connection) -> Rendered:
        text = documents.read(connection, call.store.code, kind, path_id(call))
        if text is None:
            raise no_such_entity()
        return Rendered(text)

    return handler


def order_statuses(call: Call, connection: Connection) -> Any:
    """`GET /V1/orders/{id}/statuses`: the one status, as a JSON string."""
    return load(single("order")(call, connection).text).get("status")


def order_comments(call: Call, connection: Connection) -> Document:
    """`GET /V1/orders/{id}/comments`: oldest first; an order without comments, or none at all, gives an empty list."""
    text = documents.read(connection, call.store.code, "order", to_int(call.variables["id"]))
    histories = load(text).get("status_histories", []) if text else []
    return _children(call, sorted(histories, key=lambda each: int(each["entity_id"])))


def document_comments(kind: str) -> Handler:
    """A handler for the comments of an invoice, shipment or credit memo."""

    def handler(call: Call, connection: Connection) -> Document:
        text = documents.read(connection, call.store.code, kind, to_int(call.variables["id"]))
        return _children(call, load(text).get("comments", []) if text else [])

    return handler


def _children(call: Call, rows: list[Document]) -> Document:
    criteria = SearchCriteria(((Filter("parent_id", str(to_int(call.variables["id"]))),),))
    return {"items": rows, "search_criteria": criteria.as_document(), "total_count": len(rows)}


def product(call: Call, connection: Connection) -> Document:
    """`GET /V1/products/{sku}`, with its stock item.

    Raises:
        Refused: 404, no such product.
    """
    text = documents.read_by_sku(connection, call.store.code, call.variables["sku"])
    if text is None:
        raise Refused(404, "The product that was requested doesn't exist. Verify the product and try again.")
    found: Document = load(text)
    extension = dict(found.get("extension_attributes") or {})
    website_ids = {"website_ids": extension.pop("website_ids")} if "website_ids" in extension else {}
    stock_item = call.store.stock(connection).stock_item(found["sku"])
    found["extension_attributes"] = {**website_ids, **({"stock_item": stock_item} if stock_item else {}), **extension}
    return found


def attribute_options(call: Call, connection: Connection) -> list[Document]:
    """`GET /V1/products/attributes/{code}/options`: of a dropdown the empty choice and its options, else nothing.

    Raises:
        Refused: 404, no such attribute.
    """
    code = call.variables["attributeCode"]
    options = call.store.settings.attribute_options.get(code)
    if options is not None:
        return [{"label": " ", "value": ""}, *({"label": label, "value": value} for value, label in options.items())]
    if not documents.has_attribute(connection, call.store.code, code):
        text = 'The attribute with a "%1" attributeCode doesn\'t exist. Verify the attribute and try again.'
        raise Refused(404, text, [code])
    return []


def customer(call: Call, connection: Connection) -> Rendered:
    """`GET /V1/customers/{id}`.

    Raises:
        Refused: 404, no such customer.
    """
    identity = to_int(call.variables["customerId"])
    text = documents.read(connection, call.store.code, "customer", identity)
    if text is None:
        raise Refused(
            404, "No such entity with %fieldName = %fieldValue", {"fieldName": "customerId", "fieldValue": identity}
        )
    return Rendered(text)


def store_views(call: Call, connection: Connection) -> Any:
    """`GET /V1/store/storeViews`."""
    return [dict(view) for view in call.store.settings.store_views]


def store_configs(call: Call, connection: Connection) -> Any:
    """`GET /V1/store/storeConfigs`: every store view's configuration, with this server's own URLs."""
    base = f"http://{call.headers.get('host', 'localhost')}{call.prefix}/"
    urls = {
        f"{secure}base_{kind}url": base + path
        for secure in ("", "secure_")
        for kind, path in (("", ""), ("link_", ""), ("static_", "static/version1/"), ("media_", "media/"))
    }
    return [{**config, **urls} for config in call.store.settings.store_configs]


def websites(call: Call, connection: Connection) -> Any:
    """`GET /V1/store/websites`."""
    codes = call.store.settings.websites
    return [
        {"id": int(key), "code": code, "name": code.title(), "default_group_id": 1 if int(key) else 0}
        for key, code in sorted(codes.items(), key=lambda pair: -int(pair[0]))
    ]


def modules(call: Call, connection: Connection) -> Any:
    """`GET /V1/modules`: the recorded server's modules, less those that the store's settings take away."""
    names: list[str] = [
        name
        for name in recorded("modules")
        if call.store.settings.switch("msi") or not name.startswith("Magento_Inventory")
    ]
    if call.store.settings.two_factor:
        names.append("Magento_TwoFactorAuth")
    return names
