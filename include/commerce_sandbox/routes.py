"""The routes of `webapi.xml`: method, path, the ACL resources they want, what answers them and what they cost.

Costs are milliseconds of a server's time as recorded on two cores; a list adds its rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote_plus

from commerce_sandbox import auth, bulk_calls, order_calls, reads, stock_calls
from commerce_sandbox.actions import on_document, on_order
from commerce_sandbox.magento_rules import invoices, orders, refunds, shipments
from commerce_sandbox.reads import Handler, document_comments, listing, single


@dataclass(frozen=True, slots=True)
class Route:
    """One route.

    Attributes:
        template: path behind `/rest`, e.g. `V1/orders/:id`; `:name` is a variable.
        resources: ACL resources that are all needed; empty is open to everybody.
        cost_ms, row_cost_ms: server time of the recorded profile, and of each row in a list.
        service: the PHP service in async topics and messages: interface and implementation with the method.
        void: whether the service returns nothing (`[]`).
    """

    method: str
    template: str
    resources: tuple[str, ...]
    handler: Handler
    cost_ms: float = 50
    row_cost_ms: float = 0
    service: tuple[str, str] | None = None
    void: bool = False

    def match(self, parts: list[str]) -> dict[str, str] | None:
        """The path's variables, decoded; None if the path is another."""
        names = self.template.split("/")
        if len(names) != len(parts):
            return None
        variables: dict[str, str] = {}
        for name, part in zip(names, parts, strict=True):
            if name.startswith(":"):
                variables[name[1:]] = unquote_plus(part)
            elif name != part:
                return None
        return variables

    @property
    def bulk_template(self) -> str:
        """The path in bulk calls, where variables come from the body: `V1/products/byProductSku/…`."""
        return "/".join(
            f"by{name[1].upper()}{name[2:]}" if name.startswith(":") else name for name in self.template.split("/")
        )


def _sales(name: str) -> tuple[str, ...]:
    return (f"Magento_Sales::{name}",)


_VIEW = _sales("actions_view")
_INVENTORY = ("Magento_InventoryApi::source", "Magento_InventoryApi::source_edit")
_STOCK = ("Magento_InventoryApi::stock", "Magento_InventoryApi::stock_edit")
_LINK = ("Magento_InventoryApi::stock_source_link",)
_ITEMS = ("Magento_InventoryApi::stock_source_item_assign",)
_CATALOG_STOCK = ("Magento_CatalogInventory::cataloginventory",)
_SELLABLE = ("Magento_InventorySalesApi::stock",)
_BULK = ("Magento_Logging::system_magento_logging_bulk_operations",)
_STORE = ("Magento_Backend::store",)

_SHIP = ("Magento.Sales.Api.ShipOrderInterface.execute", "Magento\\Sales\\Model\\ShipOrder::execute")
_INVOICE = ("Magento.Sales.Api.InvoiceOrderInterface.execute", "Magento\\Sales\\Model\\InvoiceOrder::execute")
_SOURCE_ITEMS = (
    "Magento.InventoryApi.Api.SourceItemsSaveInterface.execute",
    "Magento\\Inventory\\Model\\SourceItem\\Command\\SourceItemsSave\\Interceptor::execute",
)
_STOCK_ITEM = (
    "Magento.CatalogInventory.Api.StockRegistryInterface.updateStockItemBySku",
    "Magento\\CatalogInventory\\Model\\StockRegistry\\Interceptor::updateStockItemBySku",
)

ROUTES: tuple[Route, ...] = (
    Route("POST", "V1/integration/admin/token", (), auth.admin_token, 130),
    Route("POST", "V1/tfa/provider/google/authenticate", (), auth.two_factor_token, 130),
    # Orders
    Route("GET", "V1/orders", _VIEW, listing("order"), 50, 12),
    Route("GET", "V1/orders/items", _VIEW, listing("order_item"), 50, 1),
    Route("GET", "V1/orders/items/:id", _VIEW, single("order_item"), 60),
    Route("GET", "V1/orders/:id", _VIEW, single("order"), 85),
    Route("GET", "V1/orders/:id/statuses", _VIEW, reads.order_statuses, 77),
    Route("GET", "V1/orders/:id/comments", _VIEW, reads.order_comments, 50),
    Route("POST", "V1/orders/:id/comments", _sales("comment"), on_order(orders.add_comment), 75),
    Route("POST", "V1/orders/:id/cancel", _sales("cancel"), on_order(order_calls.cancel), 115),
    Route("POST", "V1/orders/:id/hold", _sales("hold"), on_order(order_calls.hold), 110),
    Route("POST", "V1/orders/:id/unhold", _sales("unhold"), on_order(order_calls.unhold), 110),
    Route("POST", "V1/orders/:id/emails", _sales("emails"), order_calls.order_email, 90),
    Route("POST", "V1/orders", _sales("create"), order_calls.save_entity, 90),
    Route("PUT", "V1/orders/create", _sales("create"), order_calls.save_entity, 90),
    Route(
        "POST",
        "V1/order/:orderId/invoice",
        _sales("sales_invoice"),
        on_order(invoices.invoice, "orderId"),
        137,
        service=_INVOICE,
    ),
    Route("POST", "V1/order/:orderId/ship", _sales("ship"), on_order(shipments.ship, "orderId"), 200, service=_SHIP),
    Route("POST", "V1/order/:orderId/refund", _sales("creditmemo"), on_order(refunds.refund_order, "orderId"), 170),
    # Documents
    Route("GET", "V1/invoices", _sales("sales_invoice"), listing("invoice"), 50, 4),
    Route("GET", "V1/invoices/:id", _sales("sales_invoice"), single("invoice"), 56),
    Route("GET", "V1/invoices/:id/comments", _sales("sales_invoice"), document_comments("invoice"), 50),
    Route(
        "POST",
        "V1/invoices/:id/capture",
        _sales("sales_invoice"),
        on_document("invoice", order_calls.capture_invoice),
        61,
    ),
    Route(
        "POST", "V1/invoices/:id/void", _sales("sales_invoice"), on_document("invoice", order_calls.void_invoice), 61
    ),
    Route("POST", "V1/invoices/:id/emails", _sales("sales_invoice"), order_calls.document_email("invoice"), 90),
    Route(
        "POST",
        "V1/invoice/:invoiceId/refund",
        _sales("sales_invoice"),
        on_document("invoice", refunds.refund_invoice, "invoiceId"),
        100,
    ),
    Route("GET", "V1/shipments", _sales("shipment"), listing("shipment"), 50, 5),
    Route("GET", "V1/shipment/:id", _sales("shipment"), single("shipment"), 46),
    Route("GET", "V1/shipment/:id/label", _sales("shipment"), order_calls.shipment_label, 50),
    Route("GET", "V1/shipment/:id/comments", _sales("shipment"), document_comments("shipment"), 50),
    Route(
        "POST",
        "V1/shipment/:id/comments",
        _sales("shipment"),
        order_calls.add_shipment_comment,
        75,
    ),
    Route("POST", "V1/shipment/:id/emails", _sales("shipment"), order_calls.document_email("shipment"), 90),
    Route("POST", "V1/shipment/track", _sales("shipment"), order_calls.add_track, 57),
    Route("DELETE", "V1/shipment/track/:id", _sales("shipment"), order_calls.delete_track, 57),
    Route("POST", "V1/shipment", _sales("shipment"), order_calls.post_shipment, 124),
    Route("POST", "V1/shipment/", _sales("shipment"), order_calls.post_shipment, 124),
    Route("GET", "V1/creditmemos", _sales("sales_creditmemo"), listing("creditmemo"), 50, 5),
    Route("GET", "V1/creditmemo/:id", _sales("sales_creditmemo"), single("creditmemo"), 50),
    Route("GET", "V1/creditmemo/:id/comments", _sales("sales_creditmemo"), document_comments("creditmemo"), 50),
    # Catalogue and customers
    Route("GET", "V1/products", ("Magento_Catalog::products",), listing("product"), 90, 4),
    Route(
        "GET",
        "V1/products/attributes/:attributeCode/options",
        ("Magento_Catalog::attributes_attributes",),
        reads.attribute_options,
        55,
    ),
    Route("GET", "V1/products/:sku", ("Magento_Catalog::products",), reads.product, 95),
    Route("GET", "V1/customers/search", ("Magento_Customer::customer",), listing("customer"), 90, 4),
    Route("GET", "V1/customers/:customerId", ("Magento_Customer::customer",), reads.customer, 80),
    # Stock
    Route("GET", "V1/stockItems/:productSku", _CATALOG_STOCK, stock_calls.get_stock_item, 65),
    Route("GET", "V1/stockStatuses/:productSku", _CATALOG_STOCK, stock_calls.get_stock_status, 65),
    Route(
        "PUT",
        "V1/products/:productSku/stockItems/:itemId",
        ("Magento_Catalog::products",),
        stock_calls.put_stock_item,
        90,
        service=_STOCK_ITEM,
    ),
    Route("GET", "V1/inventory/source-items", _ITEMS, listing("source_item"), 58, 0.1),
    Route(
        "POST",
        "V1/inventory/source-items",
        _ITEMS,
        stock_calls.post_source_items,
        76,
        4,
        service=_SOURCE_ITEMS,
        void=True,
    ),
    Route(
        "POST",
        "V1/inventory/source-items-delete",
        _ITEMS,
        stock_calls.delete_source_items,
        80,
        service=(
            "Magento.InventoryApi.Api.SourceItemsDeleteInterface.execute",
            "Magento\\Inventory\\Model\\SourceItem\\Command\\SourceItemsDelete\\Interceptor::execute",
        ),
        void=True,
    ),
    Route("GET", "V1/inventory/sources", _INVENTORY[:1], listing("source"), 55),
    Route("GET", "V1/inventory/sources/:sourceCode", _INVENTORY[:1], stock_calls.get_source, 50),
    Route("POST", "V1/inventory/sources", _INVENTORY[1:], stock_calls.post_source, 85, void=True),
    Route("PUT", "V1/inventory/sources/:sourceCode", _INVENTORY[1:], stock_calls.post_source, 85, void=True),
    Route("GET", "V1/inventory/stocks", _STOCK[:1], listing("stock"), 47),
    Route("GET", "V1/inventory/stocks/:stockId", _STOCK[:1], stock_calls.get_stock, 47),
    Route("POST", "V1/inventory/stocks", _STOCK[1:], stock_calls.post_stock, 90),
    Route("PUT", "V1/inventory/stocks/:stockId", _STOCK[1:], stock_calls.post_stock, 90),
    Route("GET", "V1/inventory/stock-source-links", _LINK, listing("stock_link"), 50),
    Route("POST", "V1/inventory/stock-source-links", _LINK, stock_calls.post_links, 90, void=True),
    Route("POST", "V1/inventory/stock-source-links-delete", _LINK, stock_calls.delete_links, 90, void=True),
    Route(
        "GET", "V1/inventory/get-product-salable-quantity/:sku/:stockId", _SELLABLE, stock_calls.salable_quantity, 50
    ),
    Route("GET", "V1/inventory/is-product-salable/:sku/:stockId", _SELLABLE, stock_calls.is_salable, 50),
    Route("GET", "V1/inventory/stock-resolver/:type/:code", _SELLABLE, stock_calls.stock_of_website, 50),
    Route(
        "POST",
        "V1/inventory/source-selection-algorithm-result",
        ("Magento_InventorySourceSelectionApi::source_selection",),
        stock_calls.select_sources,
        56,
    ),
    # The store itself
    Route("GET", "V1/store/storeViews", _STORE, reads.store_views, 40),
    Route("GET", "V1/store/storeConfigs", _STORE, reads.store_configs, 60),
    Route("GET", "V1/store/websites", _STORE, reads.websites, 40),
    Route("GET", "V1/modules", ("Magento_Backend::admin",), reads.modules, 48),
    # Bulk operations
    Route("GET", "V1/bulk", _BULK, listing("bulk"), 80),
    Route("GET", "V1/bulk/:bulkUuid/status", _BULK, bulk_calls.status, 90),
    Route("GET", "V1/bulk/:bulkUuid/detailed-status", _BULK, bulk_calls.detailed_status, 75),
    Route("GET", "V1/bulk/:bulkUuid/operation-status/:status", _BULK, bulk_calls.operation_count, 60),
)


def find_route(method: str, parts: list[str]) -> tuple[Route, dict[str, str]] | None:
    """The route of a call with its path's variables; fixed words win over variables."""
    matches = []
    for route in ROUTES:
        if route.method == method and (variables := route.match(parts)) is not None:
            matches.append((route, variables))
    return min(matches, key=lambda match: len(match[1]), default=None)


def find_bulk_route(method: str, parts: list[str]) -> Route | None:
    """The route that a bulk call means."""
    path = "/".join(parts)
    return next((route for route in ROUTES if route.method == method and route.bulk_template == path), None)
