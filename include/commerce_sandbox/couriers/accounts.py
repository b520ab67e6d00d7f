"""Accounts at the stand-ins, kept in the database: made by hand, with everything about them that can be set."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from psycopg.types.json import Jsonb

from commerce_sandbox.couriers.desk import Account, CourierCall, Desk, Parcel, Reply, Scan
from commerce_sandbox.couriers.journeys import JOURNEYS
from commerce_sandbox.couriers.tables import SCHEMA
from commerce_sandbox.database import Database
from commerce_sandbox.settings import BadSettings

USUAL: Mapping[str, Any] = {
    "latency_ms": 0,
    "rate_limit": None,
    "seconds_a_step": None,
    "journeys": {},
    "webhook": {"url": "", "secret": "", "header": ""},
    "emitter": {"repeats": 0, "shuffle_seconds": 0, "late_share": 0, "late_seconds": 0, "lost_share": 0},
    "files": "ok",
}
"""What an account is like unless it is told otherwise. `rate_limit`: {"requests": n, "seconds": s}; `seconds_a_step`:
how fast parcels travel by themselves, null: not; `files`: ok, html, gone or foreign."""
_OPEN = {"journeys", "webhook", "emitter", "switches", "credentials"}


class StandIn(Protocol):
    """One vendor's server."""

    @property
    def name(self) -> str:
        """Of the vendor."""
        ...

    @property
    def credentials(self) -> Mapping[str, str]:
        """What a new account's hook must send."""
        ...

    @property
    def switches(self) -> Mapping[str, Any]:
        """Behaviours with their defaults."""
        ...

    def answer(self, call: CourierCall, desk: Desk) -> Reply:
        """What it answers; whatever it changes is committed before the answer goes out."""
        ...

    def webhook(self, parcel: Parcel, scan: Scan, desk: Desk) -> list[tuple[Mapping[str, str], Any]]:
        """What it posts because of a scan: headers and JSON bodies, one a request."""
        ...


class Accounts:
    """All accounts of a sandbox."""

    def __init__(self, database: Database, vendors: Mapping[str, StandIn]) -> None:
        self.database = database
        self.vendors = vendors
        self._cache: dict[str, Account] = {}
        with database.transaction() as connection:
            connection.execute("select pg_advisory_xact_lock(hashtext('commerce_sandbox schema'))")
            connection.execute(SCHEMA)

    def codes(self) -> list[str]:
        """Every account's code."""
        with self.database.transaction() as connection:
            return [row[0] for row in connection.execute("select code from courier_account order by code")]

    def find(self, code: str) -> Account | None:
        """An account by its code."""
        if code not in self._cache:
            with self.database.transaction() as connection:
                row = connection.execute(
                    "select vendor, settings from courier_account where code = %s", (code,)
                ).fetchone()
            if row is None:
                return None
            self._cache[code] = Account(code, row[0], row[1])
        return self._cache[code]

    def put(self, code: str, patch: Mapping[str, Any]) -> Account:
        """Make an account (with `vendor`), or change some of its settings; groups are changed by their own keys.

        Raises:
            BadSettings: what no account can have; the text says what is allowed.
        """
        known = self.find(code)
        given = dict(patch)
        vendor = str(given.pop("vendor", known.vendor if known else ""))
        if vendor not in self.vendors or (known and known.vendor != vendor):
            raise BadSettings(f"vendor {vendor!r} of account {code!r} must be one of {', '.join(self.vendors)}")
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", code):
            raise BadSettings(f"account code {code!r} must be small letters, digits and _")
        stand_in = self.vendors[vendor]
        settings = dict(known.settings) if known else {
            **USUAL, "credentials": dict(stand_in.credentials), "switches": dict(stand_in.switches),
        }  # fmt: skip
        if unknown := sorted(given.keys() - settings.keys()):
            raise BadSettings(f"unknown settings {unknown}; there are {', '.join(sorted(settings))}")
        for name, value in given.items():
            settings[name] = self._checked(settings, name, value)
        with self.database.transaction() as connection:
            connection.execute(
                "insert into courier_account (code, vendor, settings) values (%s, %s, %s)"
                " on conflict (code) do update set settings = excluded.settings",
                (code, vendor, Jsonb(settings)),
            )
        account = self._cache[code] = Account(code, vendor, settings)
        return account

    @staticmethod
    def _checked(settings: Mapping[str, Any], name: str, value: Any) -> Any:
        if name not in _OPEN:
            return value
        allowed = {each for ways in JOURNEYS.values() for each in ways} if name == "journeys" else settings[name].keys()
        if not isinstance(value, Mapping) or (unknown := sorted(value.keys() - allowed)):
            raise BadSettings(
                f"{name}: {unknown if isinstance(value, Mapping) else value!r} is none of {sorted(allowed)}"
            )
        if name == "webhook" and value.get("url") and urlsplit(value["url"]).hostname not in ("127.0.0.1", "localhost"):
            raise BadSettings("webhooks are sent to this machine only: give a URL on 127.0.0.1")
        return dict(value) if name == "journeys" else {**settings[name], **value}
