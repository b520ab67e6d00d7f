"""Our windowed pull, once, in a process of its own: `python -m benchmarks.pull_once OMS_URL SANDBOX_URL`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

from benchmarks.stack import config_for
from commerce_sandbox.client import ADMIN_PASSWORD, ADMIN_USER, SandboxClient
from magento_hook.connection import AuthKind, MagentoConnection
from magento_hook.store import open_magento
from magento_oms.storage.breaker import SharedBreaker
from magento_oms.storage.budget import SharedBudget
from magento_oms.workflows.order_pull import pull_window


def main() -> None:
    """Pull all orders of the sandbox's instance, with the breaker and budget that a task has."""
    url, sandbox_url = sys.argv[1:3]
    store = SandboxClient(sandbox_url, "bench")
    config = config_for(store)
    connection = MagentoConnection(store.store_url, AuthKind.ADMIN_TOKEN, username=ADMIN_USER, password=ADMIN_PASSWORD)
    magento = open_magento(
        connection,
        instance=config.code,
        breaker=SharedBreaker(url, "magento:bench"),
        budget=SharedBudget(url, "magento:bench", 1000, burst=5000),
    )
    now = datetime.now(UTC)
    summary = pull_window(
        url, magento, config, start=now - timedelta(days=60), end=now + timedelta(days=1), run_id="bench"
    )
    print(summary.as_dict())


if __name__ == "__main__":
    main()
