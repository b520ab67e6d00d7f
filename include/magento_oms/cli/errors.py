"""Errors of commands: one clear sentence with its way out on stderr and exit code 1, never a traceback."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from magento_oms.ports import OutsideError, RetryableError


class PlainErrors(TyperGroup):
    """The group of all commands; tells people what a command's error means for them."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except RetryableError as error:
            # Tasks are tried again by themselves; a command is not.
            sentence = f"{error.what} Repeat the command when that is over."
        except OutsideError as error:
            sentence = str(error)
        except Exception as error:
            # Not among the except clauses: database drivers are only loaded by commands that need them.
            told = _of_a_warehouse(error) or (_of_the_database(error) if "sqlalchemy" in sys.modules else None)
            if told is None:
                raise
            sentence = told
        typer.echo(f"Error: {sentence}", err=True)
        raise typer.Exit(1)


def _of_a_warehouse(error: Exception) -> str | None:
    """Why a warehouse's step was not done."""
    if "magento_oms.workflows.warehouse.problems" not in sys.modules:
        return None
    from magento_oms.workflows.warehouse.problems import WarehouseProblem

    return f"{error} {error.way_out}".strip() if isinstance(error, WarehouseProblem) else None


def _of_the_database(error: Exception) -> str | None:
    """What an error of the OMS database means, whether SQLAlchemy or the driver below it raised it."""
    import psycopg
    from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

    if isinstance(error, ArgumentError | NoSuchModuleError) or (isinstance(error, ValueError) and _is_no_url()):
        return (
            "MAGENTO_OMS_DATABASE_URL is no database URL. "
            "Write it as postgresql+psycopg://user:password@host:port/name."
        )
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
        return "The OMS database is not migrated to this version. Run `magento-oms database upgrade`."
    if isinstance(cause, psycopg.OperationalError):
        # The driver's text names host and port or the refusal, never the password.
        why = str(cause).strip().splitlines()[0]
        return f"The OMS database cannot be reached: {why}. Start it, or correct MAGENTO_OMS_DATABASE_URL."
    return None


def _is_no_url() -> bool:
    """Whether the setting cannot be taken apart; SQLAlchemy has no error of its own for a port that is no number."""
    from sqlalchemy import make_url

    from magento_oms.settings import settings

    try:
        make_url(settings().database_url.get_secret_value())
    except ValueError:
        return True
    return False
