"""Requests to one account, authenticated as its aggregator wants it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol
from urllib.parse import urlencode

from aggregator_hooks.connection import AccountConnection
from careful_http.client import PATIENCE, CarefulClient, Patience
from careful_http.exchange import Answer, Call
from careful_http.outcome import Outcome, Trouble
from magento_oms.ports import Breaker, Budget, Token, TokenStore

Judge = Callable[[Answer, Call, str], Trouble | None]
"""What an aggregator's answer means, failures inside HTTP 200 included; None for a good one. Args: whose it is."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What is sent with one request: headers, and parameters of the URL (some aggregators want their keys there)."""

    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    token: Token | None = None


class Authentication(Protocol):
    """How requests to an account are authenticated."""

    def credential(self) -> Credential:
        """What to send. Raises AuthenticationError while a cool-down is running or the login is refused."""
        ...

    def renew(self, used: Credential, outcome: Outcome) -> bool:
        """Whether a request that was refused may be sent again with another credential. Then nothing had happened."""
        ...


class Fixed:
    """The same credential always: keys and static tokens."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    def credential(self) -> Credential:
        """What to send."""
        return self._credential

    def renew(self, used: Credential, outcome: Outcome) -> bool:
        """Never: there is no other one."""
        return False


class TokenLogin:
    """A token that is logged in for, shared by all processes; another one after a 401, once a request.

    Args:
        scope: the token's name.
        log_in: asks for a new token. Raises AuthenticationError where the credentials are refused.
    """

    def __init__(self, tokens: TokenStore, scope: str, log_in: Callable[[], Token]) -> None:
        self._tokens = tokens
        self._scope = scope
        self._log_in = log_in

    def credential(self) -> Credential:
        """The stored token, or a new one."""
        from magento_oms.ports import AuthenticationError

        token = self._tokens.get(self._scope)
        if token is None:
            with self._tokens.login(self._scope) as turn:
                token = turn.token
                if token is None:
                    try:
                        token = self._log_in()
                    except AuthenticationError as refusal:
                        turn.refused(refusal.what)
                        raise
                    turn.succeeded(token)
        return Credential({"Authorization": f"Bearer {token.value}"}, token=token)

    def renew(self, used: Credential, outcome: Outcome) -> bool:
        """After a 401: the token has expired or was revoked."""
        if used.token is None or outcome.answer is None or outcome.answer.status != 401:
            return False
        self._tokens.forget(self._scope, used.token)
        return True


@dataclass(frozen=True, slots=True)
class Lent:
    """What the product lends an account: shared with all processes that call it."""

    tokens: TokenStore
    breaker: Breaker
    budget: Budget
    patience: Patience = PATIENCE


class AggregatorClient(CarefulClient):
    """Makes calls to one account. May be used by several threads.

    Args:
        whose: the account, for people: `Shiprocket main`.
        authentication: made with this client's own `plain`, so that a login is budgeted and judged like all else.
    """

    def __init__(
        self,
        connection: AccountConnection,
        whose: str,
        lent: Lent,
        *,
        judge: Judge,
        authentication: Callable[[AggregatorClient], Authentication],
    ) -> None:
        super().__init__(connection.endpoint, whose, breaker=lent.breaker, budget=lent.budget, patience=lent.patience)
        self._judged_by = judge
        self._authentication = authentication(self)

    def plain(self, call: Call) -> Outcome:
        """One exchange without credentials: a login."""
        return self._exchange(call)

    def _judge(self, answer: Answer, call: Call) -> Trouble | None:
        return self._judged_by(answer, call, self.whose)

    def _authorised(self, call: Call) -> Outcome:
        used = self._authentication.credential()
        outcome = self._exchange(_with(call, used), used.headers)
        if outcome.trouble is None or not self._authentication.renew(used, outcome):
            return outcome
        used = self._authentication.credential()
        return self._exchange(_with(call, used), used.headers)


def _with(call: Call, credential: Credential) -> Call:
    """The call with the credential's parameters in its URL."""
    return replace(call, secret_query=urlencode(credential.query)) if credential.query else call
