"""Bringing the OMS database to the present shape."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from magento_oms.storage.database import database_url, own_connection

LOCK = 7_061_204_501  # any number of our own: one migration at a time


def alembic_config(url: str) -> Config:
    """Alembic's configuration for our migrations on the database at `url`."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["url"] = url
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Migrate the database at `url`. Safe to call from several processes at once: one works, the others wait."""
    config = alembic_config(url)
    with own_connection(url) as connection:
        connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": LOCK})
        connection.commit()
        try:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
        finally:
            connection.rollback()
            connection.execute(text("select pg_advisory_unlock(:lock)"), {"lock": LOCK})
            connection.commit()


if __name__ == "__main__":
    upgrade(database_url())
