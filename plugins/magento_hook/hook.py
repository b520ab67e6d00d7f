"""The Airflow hook: reads a connection of type `magento` and opens the store by it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from careful_http.endpoint import ConnectionRecord
from magento_hook.connection import MagentoConnection
from magento_hook.store import MagentoStore, open_magento
from magento_oms.ports import Breaker, Budget, ConfigurationError, OutsideError, StoreFacts, TokenStore

SKEW = 30.0
"""Seconds between the clocks that are worth a word."""


class MagentoHook(BaseHook):
    """One Magento store, by an Airflow connection.

    Args:
        magento_conn_id: the connection.
        instance: code of the instance, named in every error; the connection's id where not given.
        base_url: the storefront's URL; wins over the connection's host.
        tokens, breaker, budget: shared with all that call this store; in memory of this process where not given.
    """

    conn_name_attr = "magento_conn_id"
    default_conn_name = "magento_default"
    conn_type = "magento"
    hook_name = "Magento"

    def __init__(
        self,
        magento_conn_id: str = default_conn_name,
        *,
        instance: str | None = None,
        base_url: str | None = None,
        tokens: TokenStore | None = None,
        breaker: Breaker | None = None,
        budget: Budget | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.magento_conn_id = magento_conn_id
        self._instance = instance or magento_conn_id
        self._base_url = base_url
        self._tokens = tokens
        self._breaker = breaker
        self._budget = budget

    @staticmethod
    def from_connection(
        connection: ConnectionRecord,
        *,
        instance: str,
        base_url: str | None = None,
        tokens: TokenStore | None = None,
        breaker: Breaker | None = None,
        budget: Budget | None = None,
    ) -> MagentoStore:
        """The store of a connection that was read already.

        Raises:
            ConfigurationError: it cannot be used; the message names the field.
        """
        read = MagentoConnection.from_airflow(connection, base_url=base_url)
        for secret in read.secrets:
            mask_secret(secret)
        return open_magento(read, instance=instance, tokens=tokens, breaker=breaker, budget=budget)

    def get_conn(self) -> MagentoStore:
        """The store; the same for the life of the hook. Implements `ports.Magento`.

        Raises:
            ConfigurationError: the connection cannot be used.
        """
        return self._store

    def orders(self) -> MagentoStore:
        """The store, in the words of the port."""
        return self._store

    def facts(self) -> StoreFacts:
        """A live check. Changes nothing at the store."""
        return self._store.facts()

    def test_connection(self) -> tuple[bool, str]:
        """What the test button shows: whether the store can be worked with, and what to do where not."""
        try:
            facts = self.facts()
        except OutsideError as error:
            return False, str(error)
        if facts.missing_permissions:
            names = ", ".join(facts.missing_permissions)
            return False, f"The store answers, but the credentials lack permissions. Give their role: {names}."
        version = f"Magento {facts.version}" if facts.version else "Magento"
        views = ", ".join(facts.store_views.values()) or "none"
        clock = f" Its clock is {facts.clock_ahead:+.0f} s off ours." if abs(facts.clock_ahead) > SKEW else ""
        return True, f"Connected: {version}, store views {views}.{clock}"

    @cached_property
    def _store(self) -> MagentoStore:
        return self.from_connection(
            self._read_connection(),
            instance=self._instance,
            base_url=self._base_url,
            tokens=self._tokens,
            breaker=self._breaker,
            budget=self._budget,
        )

    def _read_connection(self) -> Connection:
        try:
            return self.get_connection(self.magento_conn_id)
        except AirflowNotFoundException:
            raise ConfigurationError(
                f"There is no Airflow connection {self.magento_conn_id!r}.",
                way_out="Add it in the UI under Admin, Connections, with the type Magento.",
            ) from None
