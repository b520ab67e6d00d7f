"""Requests to one store: authenticated, and judged by what Magento's answers mean."""

from __future__ import annotations

from careful_http.client import PATIENCE, CarefulClient, Patience
from careful_http.exchange import Answer, Call
from careful_http.outcome import Outcome, Trouble
from magento_hook.auth import AdminToken, auth_for
from magento_hook.connection import MagentoConnection
from magento_hook.errors import judge
from magento_oms.ports import Breaker, Budget, TokenStore


class MagentoClient(CarefulClient):
    """Makes calls to one store. May be used by several threads.

    Args:
        instance: code of the instance.
        tokens, breaker, budget: shared with all that call this store.
    """

    def __init__(
        self,
        connection: MagentoConnection,
        instance: str,
        *,
        tokens: TokenStore,
        breaker: Breaker,
        budget: Budget,
        patience: Patience = PATIENCE,
    ) -> None:
        super().__init__(connection.endpoint, f"Magento {instance}", breaker=breaker, budget=budget, patience=patience)
        self.connection = connection
        self.instance = instance
        self._auth = auth_for(
            connection,
            tokens,
            f"magento:{instance}",
            self._exchange,
        )

    def page(self, url_path: str) -> Answer | None:
        """A public page of the storefront, or None where it cannot be had. No credentials are sent."""
        call = Call("GET", url_path, about="storefront")
        self._budget.spend()
        return self._transport.fetch(f"{self.connection.base_url}{url_path}", call).answer

    def gives_json_web_tokens(self) -> bool:
        """Whether the store gave us a JWT as admin token: Magento 2.4.4 or later."""
        return isinstance(self._auth, AdminToken) and self._auth.is_json_web_token()

    def _judge(self, answer: Answer, call: Call) -> Trouble | None:
        return judge(answer, call, self.instance)

    def _authorised(self, call: Call) -> Outcome:
        tries = 0
        while True:
            used = self._auth.credential(call.method, self._transport.url(call))
            outcome = self._exchange(call, _header(used.header))
            tries += 1
            refused = outcome.answer is not None and outcome.answer.status in (400, 401)
            if not refused or outcome.answer is None or not self._auth.may_try_again(used, outcome.answer, tries):
                return outcome


def _header(authorization: str) -> dict[str, str]:
    return {"Authorization": authorization} if authorization else {}
