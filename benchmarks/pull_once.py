"""Our windowed pull, once, in a process of its own: `python -m benchmarks.pull_once OMS_URL SANDBOX_URL`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

from benchmarks.stack import as_a_task_opens, config_for
from commerce_sandbox.client import SandboxClient
from magento_oms.workflows.order_pull import pull_window


def main() -> None:
    """Pull all orders of the sandbox's instance, with the breaker and budget that a task has."""
    url, sandbox_url = sys.argv[1:3]
    store = SandboxClient(sandbox_url, "bench")
    config = config_for(store)
    magento = as_a_task_opens(store, url, config.code)
    now = datetime.now(UTC)
    summary = pull_window(
        url, magento, config, start=now - timedelta(days=60), end=now + timedelta(days=1), run_id="bench"
    )
    print(summary.as_dict())


if __name__ == "__main__":
    main()
