"""The OMS API as whoever plays a person in the demo calls it: with a token of its own, over HTTP."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from magento_oms.storage import api_tokens
from magento_oms.storage.api_tokens import Scope
from magento_oms.storage.database import engine


class DemoApi:
    """The API of the demo's gateway.

    Args:
        name: of the token that is made.
    """

    def __init__(self, gateway_url: str, oms_url: str, name: str) -> None:
        self._url = f"{gateway_url}/api/v1"
        with engine(oms_url).begin() as connection:
            self._token = api_tokens.create(connection, name, list(Scope))
        self.troubles: Counter[str] = Counter()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """What a call answers.

        Raises:
            HTTPError: it is refused.
            URLError, ConnectionError, TimeoutError: the gateway is not there just now.
        """
        request = Request(  # noqa: S310  (our own gateway)
            f"{self._url}{path}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
            method=method,
        )
        with urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.load(answer)

    def do(self, work: Callable[[], None]) -> None:
        """Work as far as it goes; what the gateway refuses is noted. While it is started again nothing is done."""
        try:
            work()
        except HTTPError as error:
            self.troubles[f"{error.url} was answered with HTTP {error.code}"] += 1
        except (URLError, ConnectionError, TimeoutError):
            return
