"""What a Magento store does when it is told something: pure functions over one order's documents and a stock book.

No HTTP, no storage and no clock of its own: the server hands in an `OrderBook` and a `Context` and writes back what
changed. Nothing here is shared with the product that is tested against it.
"""
