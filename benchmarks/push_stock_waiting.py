"""Our push of stock, once, in a process of its own: `python -m benchmarks.push_stock_once OMS_URL SANDBOX_URL`.

Prints the seconds from its first look at the OMS until a sample was read back, and how many SKUs it told.
"""

from __future__ import annotations

import sys
import time

from benchmarks.inventory_push import stock_config
from commerce_sandbox.client import ADMIN_PASSWORD, ADMIN_USER, SandboxClient
from magento_hook.connection import AuthKind, MagentoConnection
from magento_hook.store import open_magento
from magento_oms.storage.breaker import SharedBreaker
from magento_oms.storage.budget import SharedBudget
from magento_oms.workflows.inventory.push_stock import push_stock


def main() -> None:
    """Push what changed, with the breaker and budget that a task has."""
    url, sandbox_url = sys.argv[1:3]
    store = SandboxClient(sandbox_url, "bench")
    config = stock_config(store)
    connection = MagentoConnection(store.store_url, AuthKind.ADMIN_TOKEN, username=ADMIN_USER, password=ADMIN_PASSWORD)
    magento = open_magento(
        connection,
        instance=config.code,
        breaker=SharedBreaker(url, "magento:bench"),
        budget=SharedBudget(url, "magento:bench", 1000, burst=5000),
    )
    magento.server_time()  # logs in, as the other sides have done
    started = time.perf_counter()
    summary = push_stock(url, config, magento, holder="bench")
    print(summary.as_dict(), file=sys.stderr)
    print(time.perf_counter() - started, summary.told)


if __name__ == "__main__":
    main()
