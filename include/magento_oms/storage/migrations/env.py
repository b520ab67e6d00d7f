"""Alembic runs this to migrate the OMS database."""

from __future__ import annotations

from alembic import context

from magento_oms.storage import (  # noqa: F401  (tables of the same metadata)
    cancellation_tables,
    fulfilment_tables,
    inventory_tables,
    report_tables,
    return_tables,
)
from magento_oms.storage.database import database_url, engine
from magento_oms.storage.tables import Base


def run() -> None:
    """Migrate over the connection that the caller gave, or over one of our own."""
    given = context.config.attributes.get("connection")
    if given is not None:
        context.configure(connection=given, target_metadata=Base.metadata, compare_type=True)
        with context.begin_transaction():
            context.run_migrations()
        given.commit()
        return
    with engine(context.config.attributes.get("url") or database_url()).connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


run()
