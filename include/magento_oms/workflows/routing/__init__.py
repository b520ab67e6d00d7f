"""Finding locations for orders, taking promises back, and trying other strategies on past orders."""
