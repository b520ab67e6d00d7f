"""The Airflow hooks: each reads a connection of its aggregator's type and opens the account by it."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from aggregator_hooks.account import Vendor
from aggregator_hooks.client import Lent
from aggregator_hooks.connection import AccountConnection
from aggregator_hooks.registry import VENDORS
from careful_http.endpoint import ConnectionRecord
from careful_http.memory import MemoryBreaker, MemoryBudget, process_tokens
from magento_oms.ports import Aggregator, ConfigurationError, NotOffered, OutsideError


class AggregatorHook(BaseHook):
    """One account at an aggregator, by an Airflow connection.

    Args:
        conn_id: the connection.
        account: the account's code in our configuration, named in every error; the connection's id where not given.
        lent: shared with all that call this account; in memory of this process where not given.
    """

    vendor: ClassVar[Vendor]
    conn_name_attr = "conn_id"
    default_conn_name: ClassVar[str]
    conn_type: ClassVar[str]
    hook_name: ClassVar[str]

    def __init__(self, conn_id: str, account: str = "", lent: Lent | None = None, **more: Any) -> None:
        super().__init__(**more)
        self.conn_id = conn_id
        self.code = account or conn_id
        self._lent = lent
        self._record: Connection | None = None

    @classmethod
    def from_connection(cls, connection: Connection, *, account: str, lent: Lent) -> Aggregator:
        """The account of a connection that was read already.

        Raises:
            ConfigurationError: it cannot be used.
        """
        hook = cls(connection.conn_id, account, lent)
        hook._record = connection
        return hook.get_conn()

    def get_conn(self) -> Aggregator:
        """The account. Nothing is sent yet."""
        return self.aggregator

    @cached_property
    def aggregator(self) -> Aggregator:
        """The account.

        Raises:
            ConfigurationError: there is no such connection, or it cannot be used.
        """
        connection = read_connection(self.vendor, self._record or self._read())
        for secret in connection.secrets:
            mask_secret(secret)
        scope = f"courier:{self.code}"
        lent = self._lent or Lent(
            process_tokens(connection.base_url, connection.credentials), MemoryBreaker(scope), MemoryBudget(scope)
        )
        return self.vendor.open(connection, self.code, lent)

    def test_connection(self) -> tuple[bool, str]:
        """Airflow's test button: a read that changes nothing."""
        try:
            account = self.aggregator
            told = []
            for what, read in (("couriers", account.couriers), ("pickup locations", account.pickup_locations)):
                try:
                    told.append(f"{len(read())} {what}")
                except NotOffered:
                    continue
        except OutsideError as error:
            return False, str(error)
        return True, f"{self.vendor.title} answers: {', '.join(told)}."

    def _read(self) -> Connection:
        try:
            return self.get_connection(self.conn_id)
        except AirflowNotFoundException:
            raise ConfigurationError(
                f"There is no Airflow connection {self.conn_id!r}.",
                way_out=f"Add it in the UI under Admin, Connections, with the type {self.vendor.title}.",
            ) from None


def read_connection(vendor: Vendor, record: ConnectionRecord) -> AccountConnection:
    """A connection of a vendor's type. Raises ConfigurationError."""
    return AccountConnection.from_airflow(
        record, title=vendor.title, default_url=vendor.default_url, needed=vendor.needed
    )


def hook_class(vendor: Vendor) -> type[AggregatorHook]:
    """The hook of an aggregator's connections: `ShiprocketHook` for Shiprocket."""
    told = {"__doc__": f"Connections of type `{vendor.name}`.", "__module__": __name__}
    facts = {
        "conn_type": vendor.name,
        "hook_name": vendor.title,
        "default_conn_name": f"{vendor.name}_default",
        "vendor": vendor,
    }
    return type(f"{vendor.title}Hook", (AggregatorHook,), told | facts)


# Airflow finds a connection's hook by its name in this module.
globals().update({f"{vendor.title}Hook": hook_class(vendor) for vendor in VENDORS.values()})
