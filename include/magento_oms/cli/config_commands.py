"""`magento-oms config`: what is wrong with the instances' files, and with the stores they name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Protocol, runtime_checkable

import typer

from magento_oms.cli.output import print_json, print_rows
from magento_oms.config.models import InstanceConfig
from magento_oms.ports import OutsideError, StoreFacts

app = typer.Typer(no_args_is_help=True, help="Check the instances' YAML files.")

Finding = dict[str, str]
CLOCK_TOLERANCE = 5.0
"""Seconds by which a store's clock may differ from ours before it is worth telling."""


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

    loaded = load_instances(settings().instances_dir)
    good = [config for config in loaded.good if code in (None, config.code)]
    findings = [
        _finding(f"{problem.file}:{problem.line}" if problem.line else problem.file, problem.message, problem.way_out)
        | {"field": problem.field}
        for problem in loaded.problems
        if code is None or Path(problem.file).stem == code or not good
    ]
    if not good and not findings:
        what = f"There is no instance {code!r}." if code else "There is no instance."
        findings.append(_finding(str(settings().instances_dir), what, "Add its YAML file to this folder."))
    for config in good if live else ():
        findings += _live(config)
    fine = f"No problems: {', '.join(config.code for config in good)}." + ("" if live else " (files only; try --live)")
    print_rows(findings, ("level", "where", "field", "problem", "way_out"), as_json=as_json, nothing=fine)
    if any(finding["level"] == "error" for finding in findings):
        raise typer.Exit(1)


@app.command()
def schema(
    path: Annotated[Path | None, typer.Argument(help="Where to write it; printed if left out.")] = None,
) -> None:
    """Write the JSON schema of an instance's file, for editors."""
    import json

    content = InstanceConfig.model_json_schema()
    if path is None:
        print_json(content)
        return
    try:
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutsideError(f"{path} cannot be written: {error.strerror}.", way_out="Name another file.") from None


def _live(config: InstanceConfig) -> Iterator[Finding]:
    from magento_oms.orchestration import wiring

    try:
        store = wiring.magento_for(config)
        if not isinstance(store, TellsFacts):
            raise TypeError(f"{type(store).__name__} tells no facts")
        facts = store.facts()
    except OutsideError as error:
        yield _finding(config.code, error.what, error.way_out)
        return
    for permission in facts.missing_permissions:
        way_out = "Grant it to the integration or the admin user's role in Magento's admin."
        yield _finding(config.code, f"The credentials lack the permission {permission}.", way_out)
    views = ", ".join(f"{number} ({name})" for number, name in sorted(facts.store_views.items()))
    for view in config.stores:
        if facts.store_views and view.store_id not in facts.store_views:
            yield _finding(
                config.code,
                f"The store has no store view {view.store_id} ({view.code}).",
                f"Set store_id to one of {views}.",
            )
    for status in sorted(facts.statuses):
        if all(view.statuses.meaning(status) is None for view in config.stores):
            way_out = "Name it under statuses, else its orders are held."
            yield _finding(config.code, f"The status {status!r} of newest orders is not known.", way_out, "warning")
    if abs(facts.clock_ahead) > CLOCK_TOLERANCE:
        way_out = "Let both servers keep time by NTP."
        yield _finding(config.code, f"The store's clock is {facts.clock_ahead:+.0f} s off ours.", way_out, "warning")


def _finding(where: str, problem: str, way_out: str, level: str = "error") -> Finding:
    return {"level": level, "where": where, "field": "", "problem": problem, "way_out": way_out}
