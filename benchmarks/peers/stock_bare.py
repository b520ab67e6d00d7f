"""A bare loop over source items: `stock_bare.py URL TOKEN SKUS LINES CONNECTIONS QUANTITY`.

Sends all SKUs in batches of LINES over keep-alive connections, nothing else. Prints the seconds that it took.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import local

import requests

url, token = sys.argv[1:3]
skus, lines, connections, quantity = map(int, sys.argv[3:7])
mine = local()


def send(first: int) -> None:
    """One batch."""
    if not hasattr(mine, "session"):
        mine.session = requests.Session()
        mine.session.headers["Authorization"] = f"Bearer {token}"
    body = {
        "sourceItems": [
            {"sku": f"BENCH-{number:06}", "source_code": "default", "quantity": quantity, "status": 1}
            for number in range(first, min(first + lines, skus))
        ]
    }
    mine.session.post(f"{url}/rest/V1/inventory/source-items", json=body, timeout=300).raise_for_status()


started = time.perf_counter()
with ThreadPoolExecutor(connections) as pool:
    list(pool.map(send, range(0, skus, lines)))
print(time.perf_counter() - started)
