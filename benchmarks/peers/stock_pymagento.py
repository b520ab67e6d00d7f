"""PyMagento's batch call. Run by its own environment's Python: `stock_pymagento.py URL TOKEN SKUS QUANTITY`.

Prints the seconds that it took.
"""

import sys
import time

from magento import Magento  # type: ignore[import-not-found,unused-ignore]  # installed in its own environment only

url, token = sys.argv[1:3]
skus, quantity = map(int, sys.argv[3:5])
client = Magento(token=token, base_url=url, scope="default")
items = [
    {"sku": f"BENCH-{number:06}", "source_code": "default", "quantity": quantity, "status": 1} for number in range(skus)
]
started = time.perf_counter()
client.save_source_items(items)
print(time.perf_counter() - started)
