"""What all routes of the OMS API share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from magento_oms.config.models import InstanceConfig
from magento_oms.workflows.order_check import OrderCheck

KEPT_SECONDS = 20.0


class KeptConfigs(Mapping[str, InstanceConfig]):
    """The valid instances, read from their files again after some seconds. May be used by several threads."""

    def __init__(self, load: Callable[[], Mapping[str, InstanceConfig]]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._kept: Mapping[str, InstanceConfig] = {}

    def __getitem__(self, code: str) -> InstanceConfig:
        return self._now()[code]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())

    def _now(self) -> Mapping[str, InstanceConfig]:
        with self._lock:
            if time.monotonic() - self._read_at > KEPT_SECONDS:
                self._kept, self._read_at = self._load(), time.monotonic()
            return self._kept


@dataclass(frozen=True, slots=True)
class Room:
    """Where the routes work.

    Attributes:
        url: the OMS database.
        configs: the valid instances, as they are now.
        check: reads an order again at its store; None: what the OMS knows counts.
    """

    url: str
    configs: Mapping[str, InstanceConfig]
    check: OrderCheck | None = None
