"""Sending on what is in quarantine, or putting it away: what a person decides about an entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.ports import ConfigurationError, OrderPage, PermanentError
from magento_oms.storage import effects, instances, quarantine
from magento_oms.storage.database import autocommit, engine, text
from magento_oms.storage.quarantine import Entry
from magento_oms.workflows.intake import take_in
from magento_oms.workflows.master_data.retry import retry_row
from magento_oms.workflows.replay import kept_pages

ConfigOf = Callable[[str], InstanceConfig]
"""Gives the configuration of an instance by its code; raises ConfigurationError."""


@dataclass(frozen=True, slots=True)
class Retried:
    """What came of an entry that was sent on. `told` is for people; it names the new reason where there is one."""

    entry_id: int
    subject: str
    resolved: bool
    told: str


def open_entry(url: str, entry_id: int) -> Entry:
    """An entry that is still open.

    Raises:
        ConfigurationError: there is none of that id, or it is resolved already.
    """
    with autocommit(url) as connection:
        entry = quarantine.get(connection, entry_id)
    if entry is None:
        raise ConfigurationError(
            f"There is no quarantine entry {entry_id}.", way_out="`magento-oms quarantine list` shows the open ones."
        )
    if entry.resolved_at is not None:
        raise ConfigurationError(
            f"Quarantine entry {entry_id} ({entry.subject} of {entry.instance}) is resolved already: "
            f"{entry.resolution}.",
            way_out="`magento-oms quarantine list` shows the open ones.",
        )
    return entry


def retry(url: str, entry: Entry, config_of: ConfigOf) -> Retried:
    """Send an entry on: an effect is due again; an order's newest payload is decided upon by the present rules.

    Raises:
        ConfigurationError: the instance of an order is not configured.
        PermanentError: what the entry is about is not there any more.
    """
    if entry.effect_id is not None:
        return _retry_effect(url, entry, entry.effect_id)
    if not entry.subject.startswith("order:"):
        resolved, told = retry_row(url, entry, config_of(entry.instance))
        return Retried(entry.id, entry.subject, resolved, told)
    return _retry_order(url, entry, config_of(entry.instance))


def dismiss(url: str, entry: Entry, *, reason: str, by: str) -> None:
    """Close an entry without sending it on: a failed effect is given up, an order stays as it is stored.

    Raises:
        ValueError: no reason is given.
    """
    if not reason.strip():
        raise ValueError("a dismissal says why")
    with engine(url).begin() as connection:
        if entry.effect_id is not None:
            effects.give_up(connection, entry.effect_id)
        _resolve(connection, entry, f"dismissed by {by}: {reason.strip()}")


def _retry_effect(url: str, entry: Entry, effect_id: int) -> Retried:
    with engine(url).begin() as connection:
        if not effects.send_on(connection, effect_id):
            state = connection.execute(text("select state from effect where id = :id"), {"id": effect_id}).scalar()
            if state is None:
                raise PermanentError(
                    f"Effect {effect_id} of {entry.instance} is not stored any more.",
                    way_out=f"`magento-oms quarantine dismiss {entry.id}` closes the entry.",
                )
            told = f"not sent on: it is {state}, and only a failed effect can be sent on"
            _resolve(connection, entry, told)
            return Retried(entry.id, entry.subject, True, told)
        state = connection.execute(text("select state from effect where id = :id"), {"id": effect_id}).scalar_one()
        told = "due again" if state == "due" else f"{state}: its order is held or cancelled, so it is no longer wanted"
        _resolve(connection, entry, f"sent on: {told}")
    return Retried(entry.id, entry.subject, True, told)


def _retry_order(url: str, entry: Entry, config: InstanceConfig) -> Retried:
    entity_id = int(entry.subject.partition(":")[2])
    with engine(url).begin() as connection:
        instances.configure(connection, config)
        page = _newest_payload(connection, entry, entity_id)
    take_in(url, config, page, decide_again=True)
    with engine(url).begin() as connection:
        now = quarantine.get(connection, entry.id)
        if now is not None and now.resolved_at is not None:
            return Retried(entry.id, entry.subject, True, "understood")
        others = connection.execute(
            text(
                "select code, reason, way_out, seen_times from quarantine"
                " where instance = :instance and subject = :subject and resolved_at is null and id <> :id order by id"
            ),
            {"instance": entry.instance, "subject": entry.subject, "id": entry.id},
        ).all()
        if now is not None and now.seen_times > entry.seen_times:
            return Retried(entry.id, entry.subject, False, f"{now.reason} {now.way_out}".strip())
        if others:
            # Its own trouble is gone, another one has come to light: that entry stays open in its place.
            quarantine.resolve(
                connection, entry.instance, entry.subject, code=entry.code, resolution="gone when retried; another came"
            )
            return Retried(entry.id, entry.subject, False, f"{others[-1].reason} {others[-1].way_out}".strip())
        # Nothing was decided: the status is ignored by now, or a newer payload is stored.
        _resolve(connection, entry, "retried: nothing to do any more")
    return Retried(entry.id, entry.subject, True, "nothing to do any more (ignored by configuration, or newer known)")


def _newest_payload(connection: Connection, entry: Entry, entity_id: int) -> OrderPage:
    pages = kept_pages(connection, entry.instance, [entity_id])
    if not pages:
        raise PermanentError(
            f"The payload of order {entity_id} of {entry.instance} is not kept any more.",
            way_out=f"Read it anew with `magento-oms orders pull {entry.instance} {entity_id}`.",
        )
    return pages[0]


def _resolve(connection: Connection, entry: Entry, resolution: str) -> None:
    quarantine.resolve(connection, entry.instance, entry.subject, code=entry.code, resolution=resolution)
