"""Requests to one store, the careful way: budget, breaker, credentials, judgement, and repeats where they are safe."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import stamina

from magento_hook.auth import AdminToken, auth_for
from magento_hook.connection import MagentoConnection
from magento_hook.errors import Outcome, Trouble, judge
from magento_hook.exchange import Answer, Call
from magento_hook.transport import Transport
from magento_oms.ports import Breaker, Budget, OutsideError, RateLimited, TokenStore


@dataclass(frozen=True, slots=True)
class Patience:
    """How a read is repeated. Changes are never repeated.

    Attributes:
        tries: at most, the first one included.
        first: seconds before the second try; doubled for each further one.
        longest: seconds between two tries; a store that asks for more is not waited for here.
        total: seconds after which no further try begins.
    """

    tries: int = 4
    first: float = 0.5
    longest: float = 20.0
    total: float = 90.0


PATIENCE = Patience()


class _Again(Exception):
    """A failed read that may be repeated."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(str(trouble.error))
        self.trouble = trouble


class MagentoClient:
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
        self.connection = connection
        self.instance = instance
        self._breaker = breaker
        self._budget = budget
        self._patience = patience
        self._transport = Transport(connection, instance)
        self._auth = auth_for(connection, tokens, f"magento:{instance}", self._exchange)
        self._clock = threading.Lock()
        self._server_time: tuple[datetime, float] | None = None

    def call(self, call: Call) -> Answer:
        """The good answer of a call. Reads are repeated while that may help; changes are sent once.

        Raises:
            OutsideError: any kind; `UnknownOutcome` for changes only.
        """
        if call.changes:
            return _good(self._authorised(call))
        patience = self._patience
        try:
            for attempt in stamina.retry_context(
                on=self._pause,
                attempts=patience.tries,
                timeout=patience.total,
                wait_initial=patience.first,
                wait_max=patience.longest,
                wait_jitter=patience.first,
            ):
                with attempt:
                    return self._read(call)
        except _Again as again:
            raise again.trouble.error from None
        raise AssertionError("a retry loop ends with an answer or an error")

    def page(self, url_path: str) -> Answer | None:
        """A public page of the storefront, or None where it cannot be had. No credentials are sent."""
        call = Call("GET", url_path, about="storefront")
        self._budget.spend()
        return self._transport.fetch(f"{self.connection.base_url}{url_path}", call).answer

    def server_time(self) -> datetime | None:
        """The store's own clock, aware UTC: the last answer's `Date` and the time since; None before any answer."""
        with self._clock:
            if self._server_time is None:
                return None
            told, at = self._server_time
        return told + timedelta(seconds=int(time.monotonic() - at))

    def gives_json_web_tokens(self) -> bool:
        """Whether the store gave us a JWT as admin token: Magento 2.4.4 or later."""
        return isinstance(self._auth, AdminToken) and self._auth.is_json_web_token()

    def close(self) -> None:
        """Close the connections; they are opened again when needed."""
        self._transport.close()

    def _read(self, call: Call) -> Answer:
        """One try of a read. Raises _Again where another one may help."""
        outcome = self._authorised(call)
        if outcome.trouble is not None and outcome.trouble.again:
            raise _Again(outcome.trouble)
        return _good(outcome)

    def _authorised(self, call: Call) -> Outcome:
        """One exchange with credentials, and more only where the credentials were refused: then nothing happened."""
        tries = 0
        while True:
            used = self._auth.credential(call.method, self._transport.url(call))
            outcome = self._exchange(call, used.header)
            tries += 1
            refused = outcome.answer is not None and outcome.answer.status in (400, 401)
            if not refused or outcome.answer is None or not self._auth.may_try_again(used, outcome.answer, tries):
                return outcome

    def _exchange(self, call: Call, authorization: str = "") -> Outcome:
        """One request on the wire, within the budget, known to the breaker."""
        self._budget.spend()
        self._breaker.before_call()
        outcome = self._transport.send(call, authorization)
        if outcome.answer is not None:
            self._note_time(outcome.answer)
            outcome = Outcome(outcome.answer, judge(outcome.answer, call, self.instance))
        trouble = outcome.trouble
        if trouble is not None and trouble.outage:
            self._breaker.failed(trouble.error.what)
        else:
            self._breaker.succeeded()
        if trouble is not None and trouble.pause is not None and isinstance(trouble.error, RateLimited):
            self._budget.slow_down(trouble.pause)
        return outcome

    def _pause(self, error: Exception) -> bool | float:
        """For stamina: whether to try again, and after how many seconds where the store asks for them."""
        if not isinstance(error, _Again):
            return False
        asked = error.trouble.pause
        if asked is None:
            return True
        return asked if asked <= self._patience.longest else False

    def _note_time(self, answer: Answer) -> None:
        told = answer.server_time
        if told is not None:
            with self._clock:
                self._server_time = (told, time.monotonic())


def _good(outcome: Outcome) -> Answer:
    if outcome.answer is None or outcome.trouble is not None:
        error: OutsideError = outcome.error
        raise error
    return outcome.answer
