"""One Magento store behind the product's port. Needs no Airflow."""

from __future__ import annotations

from careful_http.client import PATIENCE, Patience
from careful_http.memory import MemoryBreaker, MemoryBudget, process_tokens
from magento_hook.actions import OrderActions
from magento_hook.catalogue import CatalogueReader
from magento_hook.client import MagentoClient
from magento_hook.connection import MagentoConnection
from magento_hook.credit_memos import CreditMemoActions
from magento_hook.facts import gather
from magento_hook.inventory import InventoryActions
from magento_hook.orders import OrderReader
from magento_hook.returns import ReturnReader
from magento_hook.shipments import ShipmentActions
from magento_oms.ports import Breaker, Budget, StoreFacts, TokenStore


class MagentoStore(
    OrderReader,
    OrderActions,
    ShipmentActions,
    CreditMemoActions,
    CatalogueReader,
    InventoryActions,
    ReturnReader,
):
    """Implements `ports.Magento`. May be used by several threads; each has a connection of its own."""

    def __init__(self, client: MagentoClient) -> None:
        OrderReader.__init__(self, client)
        OrderActions.__init__(self, client)
        ShipmentActions.__init__(self, client)
        CreditMemoActions.__init__(self, client)
        CatalogueReader.__init__(self, client)
        InventoryActions.__init__(self, client)
        ReturnReader.__init__(self, client)

    @property
    def instance(self) -> str:
        """The code of the instance."""
        return self._client.instance

    def facts(self) -> StoreFacts:
        """A live check. Changes nothing at the store."""
        return gather(self._client)

    def close(self) -> None:
        """Close the connections; they are opened again when needed."""
        self._client.close()


def open_magento(
    connection: MagentoConnection,
    *,
    instance: str,
    tokens: TokenStore | None = None,
    breaker: Breaker | None = None,
    budget: Budget | None = None,
    patience: Patience = PATIENCE,
) -> MagentoStore:
    """The store of a connection. Nothing is sent yet.

    Args:
        instance: code of the instance, named in every error.
        tokens, breaker, budget: shared with all that call this store; in memory of this process where not given.
    """
    scope = f"magento:{instance}"
    client = MagentoClient(
        connection,
        instance,
        tokens=tokens or process_tokens(connection.base_url, connection.credentials),
        breaker=breaker or MemoryBreaker(scope),
        budget=budget or MemoryBudget(scope),
        patience=patience,
    )
    return MagentoStore(client)
