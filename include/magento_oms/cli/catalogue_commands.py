"""`magento-oms catalogue`: products as the OMS knows them, and the SKUs that orders wait for."""

from __future__ import annotations

from typing import Annotated

import typer

from magento_oms.cli.configured import configured, person
from magento_oms.cli.output import cell, heading, print_json, print_rows
from magento_oms.ports import ConfigurationError

app = typer.Typer(no_args_is_help=True, help="Products as Magento knows them, and SKUs that orders wait for.")

Instance = Annotated[str, typer.Argument(help="Code of the instance.")]
Sku = Annotated[str, typer.Argument(help="The SKU, as Magento writes it.")]
AWAITED = ("instance", "sku", "orders", "since", "asked", "ask_at")
CHILDREN = ("sku", "name", "quantity", "option", "known")
INTERNAL = ("digest", "children")


@app.command()
def show(
    instance: Instance,
    sku: Sku,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a product: what Magento says of it, what it is made of, and what was odd about it."""
    from magento_oms.storage import catalogue
    from magento_oms.storage.database import autocommit, database_url

    with autocommit(database_url()) as connection:
        found = catalogue.product(connection, instance, sku)
        children = catalogue.children(connection, instance, sku)
    if found is None:
        raise ConfigurationError(
            f"The catalogue of {instance} has no SKU {sku!r}.",
            way_out=f"`magento-oms catalogue pull {instance} SKU` reads it from Magento now.",
        )
    told = {name: value for name, value in found.items() if name not in INTERNAL}
    if as_json:
        print_json(told | {"children": [dict(child) for child in children]})
        return
    for name, value in told.items():
        typer.echo(f"{name}: {', '.join(map(str, value)) if isinstance(value, list) else cell(value)}")
    if children:
        heading("Made of")
        print_rows(children, CHILDREN)


@app.command("pull")
def pull_(
    instance: Instance,
    skus: Annotated[list[str], typer.Argument(help="The SKUs, 20 at the most.")],
) -> None:
    """Read products from Magento now, and let the orders go on that waited for them."""
    from magento_oms.orchestration import wiring
    from magento_oms.storage import instances
    from magento_oms.storage.database import database_url, engine
    from magento_oms.workflows.master_data.labels import read_labels_of_dropdowns
    from magento_oms.workflows.master_data.products import take_in_products
    from magento_oms.workflows.master_data.waiting import AT_ONCE, wake_waiting

    config = configured(instance)
    if len(skus) > AT_ONCE:
        raise ConfigurationError(
            f"{len(skus)} SKUs are too many for one request.",
            way_out=f"Name {AT_ONCE} at the most, or run the DAG master_data_pull__{instance} with `everything`.",
        )
    url = database_url()
    with engine(url).begin() as connection:
        instances.configure(connection, config)
    store = wiring.magento_for(config)
    read_labels_of_dropdowns(url, store, config)
    page = store.products_of([], skus)
    counts = take_in_products(url, config, page)
    woken = wake_waiting(url, config)
    found = {str(row.get("sku")).lower() for row in page.rows}
    typer.echo(
        f"{counts.read} read: {counts.new} new, {counts.changed} changed, {counts.unchanged} known as they are,"
        f" {counts.quarantined} in quarantine; {woken} orders went on."
    )
    missing = [sku for sku in skus if sku.lower() not in found]
    for sku in missing:
        typer.echo(f"Magento has no product {sku!r}.", err=True)
    if missing:
        raise typer.Exit(1)


@app.command()
def awaited(
    instance: Annotated[str | None, typer.Option(help="Only this instance.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the SKUs that orders wait for, because the catalogue does not have them."""
    from magento_oms.storage import catalogue
    from magento_oms.storage.database import autocommit, database_url

    with autocommit(database_url()) as connection:
        rows = catalogue.awaited(connection, instance)
    print_rows(rows, AWAITED, as_json=as_json, nothing="No order waits for a SKU.")


@app.command()
def accept(instance: Instance, sku: Sku) -> None:
    """Let the orders of a SKU go on though Magento has no such product."""
    from magento_oms.storage.database import database_url
    from magento_oms.workflows.master_data.waiting import accept as let_go_on

    woken = let_go_on(database_url(), configured(instance), sku, person())
    typer.echo(f"{sku} counts as known; {woken} orders went on.")
