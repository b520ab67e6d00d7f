"""Faults on demand: what goes wrong, on which calls, how often. Rules survive a restart, with their counts."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from commerce_sandbox.database import Database

KINDS: Mapping[str, str] = {
    "latency": "the answer comes `seconds` later",
    "error_before": "`status` (500) without anything done",
    "error_after": "`status` (500) although everything was done",
    "timeout_after": "everything is done, then nothing comes for `seconds` (120) and the connection closes",
    "reset": "the connection is reset, nothing was done",
    "reset_after": "the connection is reset, everything was done",
    "too_many_requests": "429, with `retry_after` seconds if given; nothing was done",
    "maintenance": "503 with the maintenance page",
    "database_down": "500 with the page that Magento shows without its database",
    "php_down": "502 from the web server",
    "expired_token": "the caller's token counts as expired, for this call",
    "moving_rows": "`count` (1) orders changed longest ago are touched before the answer is made",
    "deadlock": "400 `message` (Could not save …), nothing was done",
    "redirect": "302 to `location`",
}
_PARAMETERS = {
    "kind",
    "instance",
    "method",
    "path",
    "times",
    "skip",
    "probability",
    "seed",
    "seconds",
    "status",
    "retry_after",
    "location",
    "count",
    "message",
}


class BadFault(ValueError):
    """A fault that cannot be; the text says what is allowed."""


@dataclass(slots=True)
class Fault:
    """One rule with its counts.

    Attributes:
        seen: how many calls have matched so far.
        fired: on how many of them it struck.
    """

    number: int
    rule: Mapping[str, Any]
    seen: int = 0
    fired: int = 0

    @property
    def kind(self) -> str:
        """What goes wrong; one of `KINDS`."""
        return str(self.rule["kind"])

    def matches(self, instance: str, method: str, path: str) -> bool:
        """Whether the rule concerns a call."""
        return (
            self.rule.get("instance") in {None, instance}
            and re.fullmatch(self.rule.get("method") or ".*", method) is not None
            and re.search(self.rule.get("path") or "", path) is not None
        )

    def strikes(self) -> bool:
        """Whether it strikes the call that has just matched; the same seed always strikes the same calls."""
        if self.seen <= int(self.rule.get("skip") or 0):
            return False
        if self.rule.get("times") is not None and self.fired >= int(self.rule["times"]):
            return False
        probability = float(self.rule.get("probability", 1))
        return probability >= 1 or random.Random(f"{self.rule.get('seed', 0)}:{self.seen}").random() < probability  # noqa: S311

    def as_document(self) -> dict[str, Any]:
        """The rule with its counts, as the control API shows it."""
        return {"id": self.number, **self.rule, "seen": self.seen, "fired": self.fired}


class Faults:
    """All rules of a sandbox."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        with database.transaction() as connection:
            rows = connection.execute("select id, rule, seen, fired from sandbox_fault order by id").fetchall()
        self._faults = [Fault(*row) for row in rows]

    @property
    def any(self) -> bool:
        """Whether there is any rule at all."""
        return bool(self._faults)

    def add(self, rule: Mapping[str, Any]) -> Fault:
        """A new rule.

        Raises:
            BadFault: an unknown kind or parameter, or a pattern that is none.
        """
        if rule.get("kind") not in KINDS:
            raise BadFault(f"fault kind {rule.get('kind')!r} is not one of {', '.join(KINDS)}")
        if unknown := set(rule) - _PARAMETERS:
            raise BadFault(f"unknown fault parameters {sorted(unknown)}; there are {', '.join(sorted(_PARAMETERS))}")
        for name in ("method", "path"):
            try:
                re.compile(rule.get(name) or "")
            except re.error as error:
                raise BadFault(f"{name} {rule[name]!r} is no regular expression: {error}") from None
        with self._lock, self._database.transaction() as connection:
            row = connection.execute(
                "insert into sandbox_fault (instance, rule) values (%s, %s) returning id",
                (rule.get("instance"), Jsonb(dict(rule))),
            ).fetchone()
            fault = Fault(int(row[0]) if row else 0, dict(rule))
            self._faults = [*self._faults, fault]
        return fault

    def clear(self, *, number: int | None = None, instance: str | None = None) -> None:
        """Forget one rule, one instance's rules, or all."""

        def gone(fault: Fault) -> bool:
            return (number is None or fault.number == number) and (
                instance is None or fault.rule.get("instance") == instance
            )

        with self._lock, self._database.transaction() as connection:
            numbers = [fault.number for fault in self._faults if gone(fault)]
            connection.execute("delete from sandbox_fault where id = any(%s)", (numbers,))
            self._faults = [fault for fault in self._faults if fault.number not in numbers]

    def list(self) -> list[dict[str, Any]]:
        """Every rule with its counts, oldest first."""
        return [fault.as_document() for fault in self._faults]

    def choose(self, instance: str, method: str, path: str) -> Sequence[Fault]:
        """The rules that strike a call, in the order they were made. Counts are kept whatever comes of the call."""
        struck: list[Fault] = []
        with self._lock:
            matching = [fault for fault in self._faults if fault.matches(instance, method, path)]
            if not matching:
                return []
            for fault in matching:
                fault.seen += 1
                if fault.strikes():
                    fault.fired += 1
                    struck.append(fault)
            counts = [(fault.seen, fault.fired, fault.number) for fault in matching]
        with self._database.transaction() as connection, connection.cursor() as cursor:
            cursor.executemany("update sandbox_fault set seen = %s, fired = %s where id = %s", counts)
        return struck
