"""`magento-oms stock`: what warehouses have, and what is offered of it."""

from __future__ import annotations

from typing import Annotated

import typer

from magento_oms.cli.output import print_rows

app = typer.Typer(no_args_is_help=True, help="What warehouses have, and what stores offer of it.")

FIGURES = ("sku", "location", "quantity", "reserved", "free")


@app.command()
def show(
    sku: Annotated[str, typer.Argument(help="The SKU.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """What every location has of a SKU: on the shelf, and how much of that is promised to open fulfilments."""
    from magento_oms.storage import stock
    from magento_oms.storage.database import database_url, engine

    with engine(database_url()).connect() as connection:
        found = stock.figures(connection, sku=sku)
    rows = [
        {
            "sku": row.sku,
            "location": row.location,
            "quantity": row.quantity,
            "reserved": row.reserved,
            "free": row.quantity - row.reserved,
        }
        for row in found
    ]
    print_rows(rows, FIGURES, as_json=as_json, nothing=f"No location has told of {sku}.")
