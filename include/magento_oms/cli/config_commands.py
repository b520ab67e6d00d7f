"""`magento-oms config`: what is wrong with the instances' files, and with the stores they name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Protocol, runtime_checkable

import typer

from magento_oms.cli.output import print_json, print_rows
from magento_oms.config.check import Finding, check_instances, check_live
from magento_oms.config.models import InstanceConfig
from magento_oms.ports import AuthenticationError, OutsideError, RetryableError, StoreFacts

app = typer.Typer(no_args_is_help=True, help="Check the instances' YAML files.")


@runtime_checkable
class TellsFacts(Protocol):
    """A store that can be checked live."""

    def facts(self) -> StoreFacts: ...


@app.command()
def check(
    code: Annotated[str | None, typer.Argument(help="Only this instance.")] = None,
    live: Annotated[bool, typer.Option("--live", help="Ask the stores too: login, permissions, store views.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell in plain words what is wrong and what to do. Exit code 1 if there is an error."""
    from magento_oms.config.load import load_instances
    from magento_oms.settings import settings

    folder = settings().instances_dir
    loaded = load_instances(folder)
    good = [config for config in loaded.good if code in (None, config.code)]
    findings = [
        Finding(
            "error",
            f"{problem.file}:{problem.line}" if problem.line else problem.file,
            problem.field,
            problem.message,
            problem.way_out,
        )
        for problem in loaded.problems
        if code is None or Path(problem.file).stem == code or not good
    ]
    if not good and not findings:
        what = f"There is no instance {code!r}." if code else "There is no instance."
        findings.append(Finding("error", str(folder), "", what, "Add its YAML file to this folder."))
    # All of them are looked at, for what they share; only those asked for are told of.
    wanted = {config.code for config in good}
    unwise = check_instances(loaded.good, folder=folder)
    findings += [finding for finding in unwise if finding.instance in wanted]
    for config in good if live else ():
        findings += _live(config)
    findings += _live_accounts(good) if live else ()
    fine = f"No problems: {', '.join(config.code for config in good)}." + ("" if live else " (files only; try --live)")
    rows = [_row(finding) for finding in findings]
    print_rows(rows, ("level", "where", "field", "problem", "way_out"), as_json=as_json, nothing=fine)
    if any(finding.level == "error" for finding in findings):
        raise typer.Exit(1)


@app.command()
def schema(
    path: Annotated[Path | None, typer.Argument(help="Where to write it; printed if left out.")] = None,
) -> None:
    """Write the JSON schema of an instance's file, for editors."""
    from magento_oms.config.schema import instance_schema, write_schema

    if path is None:
        print_json(instance_schema())
        return
    try:
        write_schema(path)
    except OSError as error:
        raise OutsideError(f"{path} cannot be written: {error.strerror}.", way_out="Name another file.") from None


def _live(config: InstanceConfig) -> Iterator[Finding]:
    """What is wrong with the connection, the way to the store, or else with what the store tells of itself."""
    from magento_oms.orchestration import wiring

    field = "connection_id"
    try:
        store = wiring.magento_for(config)
        if not isinstance(store, TellsFacts):
            raise TypeError(f"{type(store).__name__} tells no facts")
        field = "url"
        facts = store.facts()
    except RetryableError as error:
        yield Finding("error", config.code, "url", error.what, "Correct it, or see to it that the store answers.")
        return
    except OutsideError as error:
        field = "connection_id" if isinstance(error, AuthenticationError) else field
        yield Finding("error", config.code, field, error.what, error.way_out)
        return
    yield from check_live(config, facts)


def _live_accounts(configs: list[InstanceConfig]) -> Iterator[Finding]:
    """What is wrong with the courier accounts' connections, and warehouses that their aggregators do not know."""
    from magento_oms.config.accounts import courier_accounts
    from magento_oms.orchestration import courier_wiring
    from magento_oms.ports import NotOffered
    from magento_oms.storage.database import database_url

    for account in courier_accounts(configs).values():
        where = f"courier:{account.code}"
        try:
            opened = courier_wiring.aggregator_for(account, database_url())
        except OutsideError as error:
            yield Finding("error", where, "connection_id", error.what, error.way_out)
            continue
        try:
            opened.couriers()
            known = [location.code for location in opened.pickup_locations()]
        except NotOffered:
            continue
        except OutsideError as error:
            yield Finding("error", where, "connection_id", error.what, error.way_out)
            continue
        finally:
            opened.close()
        for code, name in account.pickup_locations.items():
            if name not in known:
                told = f"{account.aggregator} knows no warehouse {name!r}, which is its name of {code}."
                yield Finding("error", where, "pickup_locations", told, f"It knows: {', '.join(known) or 'none'}.")


def _row(finding: Finding) -> dict[str, str]:
    return {
        "level": finding.level,
        "where": finding.instance,
        "field": finding.field,
        "problem": finding.message,
        "way_out": finding.way_out,
    }
