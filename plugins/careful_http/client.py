"""Requests to one system, the careful way: budget, breaker, judgement, and repeats where they are safe."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import stamina

from careful_http.endpoint import Endpoint
from careful_http.exchange import Answer, Call
from careful_http.outcome import Outcome, Trouble
from careful_http.transport import NO_HEADERS, Transport
from magento_oms.ports import Breaker, Budget, OutsideError, RateLimited


@dataclass(frozen=True, slots=True)
class Patience:
    """How a read is repeated. Changes are never repeated.

    Attributes:
        tries: at most, the first one included.
        first: seconds before the second try; doubled for each further one.
        longest: seconds between two tries; a system that asks for more is not waited for here.
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


class CarefulClient:
    """Makes calls to one system. May be used by several threads. A system's own client says how its answers are judged
    and how requests are authenticated.

    Args:
        whose: the system, for people: `Magento kurta`.
        breaker, budget: shared with all that call this system.
    """

    def __init__(
        self, endpoint: Endpoint, whose: str, *, breaker: Breaker, budget: Budget, patience: Patience = PATIENCE
    ) -> None:
        self.whose = whose
        self._breaker = breaker
        self._budget = budget
        self._patience = patience
        self._transport = Transport(endpoint, whose)
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

    def server_time(self) -> datetime | None:
        """The other side's own clock, aware UTC: the last answer's `Date` and the time since; None at first."""
        with self._clock:
            if self._server_time is None:
                return None
            told, at = self._server_time
        return told + timedelta(seconds=int(time.monotonic() - at))

    def close(self) -> None:
        """Close the connections; they are opened again when needed."""
        self._transport.close()

    def _judge(self, answer: Answer, call: Call) -> Trouble | None:
        """None for a good answer, else what went wrong."""
        raise NotImplementedError

    def _authorised(self, call: Call) -> Outcome:
        """One exchange with credentials, and more only where the credentials were refused: then nothing happened."""
        raise NotImplementedError

    def _read(self, call: Call) -> Answer:
        """One try of a read. Raises _Again where another one may help."""
        outcome = self._authorised(call)
        if outcome.trouble is not None and outcome.trouble.again:
            raise _Again(outcome.trouble)
        return _good(outcome)

    def _exchange(self, call: Call, headers: Mapping[str, str] = NO_HEADERS) -> Outcome:
        """One request on the wire, within the budget, known to the breaker."""
        self._budget.spend()
        self._breaker.before_call()
        started = time.monotonic()
        outcome = self._transport.send(call, headers)
        answer = outcome.answer
        self._budget.observed(kind_of(call, answer), time.monotonic() - started, answer.status if answer else None)
        if outcome.answer is not None:
            self._note_time(outcome.answer)
            outcome = Outcome(outcome.answer, self._judge(outcome.answer, call))
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


def kind_of(call: Call, answer: Answer | None) -> str:
    """Requests that usually take about as long: same method, same depth of path, and a size of the same power of four
    (kB) of what is sent or answered. Ids and SKUs of the path are left out.
    """
    parts = call.path.strip("/").split("/")
    size = max(len(call.encoded_body() or b""), len(answer.body) if answer else 0)
    return f"{call.method} {parts[0]}/{len(parts)} ~{4 ** (((size >> 10).bit_length() + 1) // 2)}kB"


def _good(outcome: Outcome) -> Answer:
    if outcome.answer is None or outcome.trouble is not None:
        error: OutsideError = outcome.error
        raise error
    return outcome.answer
