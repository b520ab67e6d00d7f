"""PyMagento reads all orders. Run by its own environment's Python: `read_pymagento.py URL TOKEN PAGE_SIZE`.

Prints the number of orders read.
"""

import sys

from magento import Magento  # type: ignore[import-not-found,unused-ignore]  # installed in its own environment only

url, token, page_size = sys.argv[1:4]
client = Magento(token=token, base_url=url, scope="default", batch_page_size=int(page_size))
print(sum(1 for _ in client.get_orders()))
