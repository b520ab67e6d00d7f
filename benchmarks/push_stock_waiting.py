"""Our push of stock as a live task runs it, waiting for changes: `python -m benchmarks.push_stock_waiting OMS SANDBOX`.

Prints `ready MOMENT 0` when it has logged in, `told MOMENT LINES` after every good answer of the store to stock lines,
and `read MOMENT LINES` after a sample was read back; moments are seconds of the system's monotonic clock, which all
processes share. Ends with its input.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from benchmarks.inventory_push import stock_config
from benchmarks.stack import as_a_task_opens
from commerce_sandbox.client import SandboxClient
from magento_oms.ports.inventory import MagentoInventory, StockLine
from magento_oms.workflows.inventory.push_stock import push_stock
from magento_oms.workflows.turns import Linger


class Watched:
    """A store, with the moments of its answers."""

    def __init__(self, store: MagentoInventory) -> None:
        self._store = store

    def set_source_items(self, lines: Sequence[StockLine]) -> None:
        """Tell, then say when."""
        self._store.set_source_items(lines)
        _say("told", len(lines))

    def source_quantities(self, lines: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Decimal]:
        """Read, then say when."""
        found = self._store.source_quantities(lines)
        _say("read", len(found))
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def main() -> None:
    """Push what changes, with the breaker and budget that a task has."""
    url, sandbox_url = sys.argv[1:3]
    store = SandboxClient(sandbox_url, "bench")
    config = stock_config(store)
    magento = as_a_task_opens(store, url, config.code)
    magento.server_time()  # logs in, as the other sides have done
    _say("ready", 0)
    threading.Thread(target=_push_for_ever, args=(url, config, Watched(magento)), daemon=True).start()
    sys.stdin.read()


def _push_for_ever(url: str, config: Any, magento: Any) -> None:
    while True:
        push_stock(url, config, magento, holder="bench", linger=Linger(idle=3600, at_most=3600))


def _say(what: str, lines: int) -> None:
    # One write: two threads say something at once.
    print(f"{what} {time.monotonic()} {lines}\n", end="", flush=True)


if __name__ == "__main__":
    main()
