"""`magento-oms sandbox`: the stand-in for Magento stores."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from magento_oms.cli.output import print_rows
from magento_oms.ports import ConfigurationError

app = typer.Typer(no_args_is_help=True, help="A stand-in for Magento stores, with faults on demand.")

DatabaseUrl = Annotated[
    str,
    typer.Option(envvar="COMMERCE_SANDBOX_DATABASE_URL", help="postgresql://… of the sandbox's own database."),
]


@app.command()
def run(
    database_url: DatabaseUrl = "",
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen.")] = 8090,
    profile: Annotated[str, typer.Option(help="Speed of new instances: none or recorded.")] = "none",
    version: Annotated[str, typer.Option(help="Magento version of new instances.")] = "2.4.7",
    instance: Annotated[list[str] | None, typer.Option(help="An instance to make; may be repeated.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Calls worked on at once.")] = 8,
) -> None:
    """Serve until Ctrl-C. Its state is durable."""
    from commerce_sandbox.profiles import PROFILES
    from commerce_sandbox.run import serve
    from commerce_sandbox.store import DEFAULT_INSTANCE
    from commerce_sandbox.versions import VERSIONS

    if not database_url:
        raise ConfigurationError(
            "The sandbox needs a Postgres database of its own.",
            way_out="Give --database-url or set COMMERCE_SANDBOX_DATABASE_URL.",
        )
    for name, value, known in (("profile", profile, PROFILES), ("version", version, VERSIONS)):
        if value not in known:
            raise ConfigurationError(f"There is no {name} {value!r}.", way_out=f"Use {', '.join(sorted(known))}.")
    try:
        with _plain_database_errors():
            serve(
                host,
                port,
                _libpq(database_url),
                profile=profile,
                version=version,
                instances=instance or (DEFAULT_INSTANCE,),
                threads=threads,
            )
    except SystemExit as ended:
        if ended.code:  # the server has said why
            raise ConfigurationError(
                f"The sandbox did not start on {host}:{port}.", way_out="Give another --host or --port."
            ) from None


@app.command()
def replay(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Holds recordings NNN_name.json.")],
    database_url: DatabaseUrl = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Replay recorded exchanges against the sandbox: alike, different or not applicable. Exit code 1 if one differs.

    Without a database it starts a Postgres for the while.
    """
    from commerce_sandbox.replay import BadRecording, replay_directory

    try:
        with _database(database_url) as url, _plain_database_errors():
            report = replay_directory(folder, url)
    except BadRecording as error:
        raise ConfigurationError(f"{error}.", way_out="Name a folder of recordings NNN_name.json.") from None
    rows = [
        {"verdict": each.verdict, "file": each.file, "details": "; ".join(each.details)} for each in report.verdicts
    ]
    print_rows(rows, ("verdict", "file", "details"), as_json=as_json)
    typer.echo(", ".join(f"{count} {verdict}" for verdict, count in report.counts.items()), err=True)
    if report.counts["different"]:
        raise typer.Exit(1)


@contextmanager
def _database(url: str) -> Iterator[str]:
    if url:
        yield _libpq(url)
        return
    from magento_oms.local.postgres import PostgresServer

    with tempfile.TemporaryDirectory(prefix="sandbox-replay-") as folder:
        Path(folder).chmod(0o755)  # where we are root, Postgres runs as somebody else
        with PostgresServer(Path(folder) / "pg") as server:
            yield _libpq(server.create_database("replay"))


@contextmanager
def _plain_database_errors() -> Iterator[None]:
    """Tells of trouble with the sandbox's own database in a sentence."""
    import psycopg

    try:
        yield
    except psycopg.OperationalError as error:
        why = str(error).strip().splitlines()[0]
        raise ConfigurationError(
            f"The sandbox's database cannot be reached: {why}.", way_out="Start it, or correct --database-url."
        ) from None
    except psycopg.ProgrammingError:
        # Its text would quote the whole URL, and the password in it.
        raise ConfigurationError(
            "The sandbox cannot use what --database-url names.",
            way_out="Write it as postgresql://user:password@host:port/name, with a user who may make tables.",
        ) from None


def _libpq(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://", 1)
