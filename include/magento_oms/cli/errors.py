"""Errors of commands: one clear sentence with its way out on stderr and exit code 1, never a traceback."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from magento_oms.ports import OutsideError


class PlainErrors(TyperGroup):
    """The group of all commands; tells people what a command's error means for them."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except OutsideError as error:
            sentence = str(error)
        except Exception as error:
            # Not among the except clauses: SQLAlchemy is only loaded by commands that need it.
            told = _of_the_database(error) if "sqlalchemy" in sys.modules else None
            if told is None:
                raise
            sentence = told
        typer.echo(f"Error: {sentence}", err=True)
        raise typer.Exit(1)


def _of_the_database(error: Exception) -> str | None:
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError, ProgrammingError

    if isinstance(error, ProgrammingError) and type(error.orig).__name__ in ("UndefinedTable", "UndefinedColumn"):
        return "The OMS database is not migrated to this version. Run `magento-oms database upgrade`."
    if isinstance(error, OperationalError):
        # The driver's text names host and port or the refusal, never the password.
        why = str(error.orig).strip().splitlines()[0]
        return f"The OMS database cannot be reached: {why}. Start it, or correct MAGENTO_OMS_DATABASE_URL."
    if isinstance(error, ArgumentError | NoSuchModuleError):
        return (
            "MAGENTO_OMS_DATABASE_URL is no database URL. "
            "Write it as postgresql+psycopg://user:password@host:port/name."
        )
    return None
