"""`magento-oms stock`: what warehouses have, what is offered of it and why, and telling Magento by hand."""

from __future__ import annotations

from typing import Annotated

import typer

from magento_oms.cli.output import cell, heading, plain, print_json, print_rows

app = typer.Typer(no_args_is_help=True, help="What warehouses have, and what stores offer of it.")

FIGURES = ("sku", "location", "quantity", "reserved", "free")
PROBLEMS = ("instance", "sku", "source", "due_at", "problem")

Store = Annotated[
    str, typer.Argument(help="Code of the instance, or of a store view of it as INSTANCE/STORE.", metavar="STORE")
]


@app.command()
def show(
    sku: Annotated[str, typer.Argument(help="The SKU.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """What every location has of a SKU: on the shelf, and how much of that is promised to open fulfilments."""
    from magento_oms.storage import stock
    from magento_oms.storage.database import autocommit, database_url

    with autocommit(database_url()) as connection:
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


@app.command()
def explain(
    store: Store,
    sku: Annotated[str, typer.Argument(help="The SKU.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask Magento.")] = False,
) -> None:
    """Say why a store offers so many of a SKU: the sum line by line, and what Magento has and says now."""
    from magento_oms.cli.configured import configured_store
    from magento_oms.storage.database import database_url
    from magento_oms.workflows.inventory.explain import explain as run

    config, wanted = configured_store(store)
    magento = None
    if not offline:
        from magento_oms.orchestration import wiring

        magento = wiring.magento_for(config)
    found = run(database_url(), config, sku, magento, store_id=None if wanted is None else wanted.store_id)
    if as_json:
        print_json([part.as_dict() for part in found])
        return
    for part in found:
        heading(part.title)
        width = max((len(line.text) for line in part.lines), default=0)
        for line in part.lines:
            figure = "" if line.figure is None else plain(line.figure)
            typer.echo(f"  {line.text:<{width}}  {figure:>10}{f'   {line.note}' if line.note else ''}".rstrip())


@app.command()
def push(
    store: Store,
    skus: Annotated[list[str], typer.Argument(help="SKUs.", metavar="SKU...")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell Magento what may be sold of these SKUs, now and whatever it is thought to have.

    Exit code 1 if one of them could not be told.
    """
    from magento_oms.cli.configured import configured_store
    from magento_oms.orchestration import wiring
    from magento_oms.storage import stock_told
    from magento_oms.storage.database import autocommit, database_url
    from magento_oms.workflows.inventory.push_stock import push_skus

    config, _ = configured_store(store)
    wanted = list(dict.fromkeys(skus))
    summary = push_skus(
        database_url(), config, wiring.magento_for(config), wanted, settle_delay=wiring.settle_delay(config)
    )
    with autocommit(database_url()) as connection:
        figures = stock_told.told(connection, config.code, wanted)
    results = [
        {
            "sku": figure.sku,
            "source": figure.source,
            "result": figure.problem or (f"told {plain(figure.told)}" if figure.told is not None else "not told yet"),
        }
        for figure in figures
    ]
    known = {figure.sku for figure in figures}
    missing = [
        {"sku": sku, "source": "", "result": "no location of its stores has told of it"}
        for sku in wanted
        if sku not in known
    ]
    print_rows([*results, *missing], ("sku", "source", "result"), as_json=as_json)
    if summary.held:
        typer.echo(f"Nothing was sent: {config.code} is on hold ({summary.held}).", err=True)
    if summary.held or missing or any(figure.problem or figure.told is None for figure in figures):
        raise typer.Exit(1)


@app.command()
def problems(
    instance: Annotated[str | None, typer.Option(help="Only this instance.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List SKUs that Magento could not be told, each with why. They are tried again by themselves, within the hour."""
    from magento_oms.storage import stock_told
    from magento_oms.storage.database import autocommit, database_url

    with autocommit(database_url()) as connection:
        found = stock_told.problems(connection, instance, limit)
    rows = [
        {
            "instance": code,
            "sku": figure.sku,
            "source": figure.source,
            "due_at": cell(figure.due_at),
            "problem": figure.problem,
        }
        for code, figure in found
    ]
    print_rows(rows, PROBLEMS, as_json=as_json, nothing="Everything could be told.")
