"""Generated orders, products and customers of an Indian store."""

from commerce_sandbox.generator.bulk import BulkOrder, bulk
from commerce_sandbox.generator.catalogue import Article, Catalogue
from commerce_sandbox.generator.documents import StoreView
from commerce_sandbox.generator.orders import STORE_VIEWS, Customer, OrderGenerator, capture_late_payment

__all__ = [
    "STORE_VIEWS",
    "Article",
    "BulkOrder",
    "Catalogue",
    "Customer",
    "OrderGenerator",
    "StoreView",
    "bulk",
    "capture_late_payment",
]
