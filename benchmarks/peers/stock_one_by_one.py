"""One SKU a call, one after another: `stock_one_by_one.py URL TOKEN SKUS QUANTITY`.

What most connectors do: PUT stockItems over one keep-alive connection. Prints the seconds that it took.
"""

import sys
import time

import requests

url, token = sys.argv[1:3]
skus, quantity = map(int, sys.argv[3:5])
session = requests.Session()
session.headers["Authorization"] = f"Bearer {token}"
started = time.perf_counter()
for number in range(skus):
    body = {"stockItem": {"qty": quantity, "is_in_stock": True}}
    path = f"/rest/V1/products/BENCH-{number:06}/stockItems/1"
    session.put(f"{url}{path}", json=body, timeout=60).raise_for_status()
print(time.perf_counter() - started)
