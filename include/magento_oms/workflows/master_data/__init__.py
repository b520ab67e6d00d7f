"""Products and customers of an instance, and the orders that wait for a product."""
