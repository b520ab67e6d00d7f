"""Manifests: listing what a courier takes, and handing all of it over at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby

from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.documents.manifest import ManifestContent, ManifestRow, manifest_pdf
from magento_oms.documents.read_back import checked_manifest
from magento_oms.domain.intake import PlannedEffect
from magento_oms.domain.invoicing.numbers import INDIA
from magento_oms.storage import effects, manifests, papers
from magento_oms.storage.database import autocommit, engine, text
from magento_oms.storage.manifests import StoredManifest
from magento_oms.workflows.couriers.plans import target
from magento_oms.workflows.fulfilling.effects import MANIFEST
from magento_oms.workflows.order_check import OrderCheck
from magento_oms.workflows.warehouse.hand_over import hand_over
from magento_oms.workflows.warehouse.problems import Kind, WarehouseProblem

PAPER = "manifest"
LARGEST = 500
"""Parcels of one manifest."""
TOGETHER = 50
"""Orders that are read again by one request before they leave: few enough to have left while that is fresh."""


def create_manifests(
    url: str, location: str, *, account: str | None = None, stores: Sequence[str] = (), now: datetime | None = None
) -> list[StoredManifest]:
    """List what is ready at a location, one manifest a courier; those that were made. None: nothing is ready.

    Args:
        account, stores: only of this one; of these (see `api_tokens.Caller`).

    Raises:
        WarehouseProblem: there is no such location.
    """
    day = (now or datetime.now(UTC)).astimezone(INDIA).date()
    made = []
    with engine(url).begin() as connection:
        if not connection.execute(text("select 1 from location where code = :code"), {"code": location}).scalar():
            raise WarehouseProblem(Kind.MISSING, f"There is no location {location!r}.")
        ready = manifests.waiting(connection, location, account, stores)
        for (of_account, courier), group in groupby(ready, key=lambda parcel: (parcel.account, parcel.courier)):
            parcels = list(group)
            for start in range(0, len(parcels), LARGEST):
                ids = [parcel.parcel_id for parcel in parcels[start : start + LARGEST]]
                manifest = manifests.create(connection, location, of_account, courier, day, ids)
                effects.plan(connection, _effect(manifest), None)
                made.append(manifest)
    for manifest in made:
        printed(url, manifest.id)
    return made


def printed(url: str, manifest_id: int) -> bytes:
    """The manifest as PDF, printed and read back the first time it is asked for.

    Raises:
        WarehouseProblem: there is no such manifest.
    """
    with autocommit(url) as connection:
        if kept := papers.get(connection, PAPER, f"manifest:{manifest_id}"):
            return kept
        content = _content(connection, manifest_id)
    pdf = checked_manifest(manifest_pdf(content), content)
    with engine(url).begin() as connection:
        papers.release(connection, PAPER, f"manifest:{manifest_id}", pdf)
    return pdf


@dataclass(slots=True)
class ManifestHandedOver:
    """What became of a manifest's fulfilments: done, and fulfilment → why not."""

    done: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)


def hand_over_manifest(
    url: str, configs: Mapping[str, InstanceConfig], manifest_id: int, *, by: str, check: OrderCheck | None = None
) -> ManifestHandedOver:
    """Hand over all that is on a manifest. What must not leave is named, and taken off for a later one; the rest goes.
    Each leaves by itself: what had left when this was cut short is known by asking again.

    Raises:
        WarehouseProblem: there is no such manifest.
    """
    with autocommit(url) as connection:
        if manifests.get(connection, manifest_id) is None:
            raise WarehouseProblem(Kind.MISSING, f"There is no manifest {manifest_id}.")
        ids = sorted({parcel.fulfilment_id for parcel in manifests.parcels_of(connection, manifest_id)})
    outcome = ManifestHandedOver()
    for start in range(0, len(ids), TOGETHER):
        some = ids[start : start + TOGETHER]
        if check is not None:
            _read_ahead(url, check, some)
        for fulfilment_id in some:
            try:
                hand_over(url, configs, fulfilment_id, by=by, check=check)
            except WarehouseProblem as problem:
                outcome.refused[fulfilment_id] = problem.what
            else:
                outcome.done.append(fulfilment_id)
    with engine(url).begin() as connection:
        manifests.take_off(connection, manifest_id, list(outcome.refused))
        if outcome.done:
            manifests.note_handed_over(connection, manifest_id)
    return outcome


def _read_ahead(url: str, check: OrderCheck, fulfilment_ids: Sequence[int]) -> None:
    with autocommit(url) as connection:
        of_instances = manifests.orders_of(connection, fulfilment_ids)
    for instance, entity_ids in of_instances.items():
        check.read_ahead(instance, entity_ids)


def _effect(manifest: StoredManifest) -> PlannedEffect:
    subject = f"manifest:{manifest.id}"
    return PlannedEffect(target(manifest.account), MANIFEST, subject, lane=subject, details={"manifest": manifest.id})


def _content(connection: Connection, manifest_id: int) -> ManifestContent:
    manifest = manifests.get(connection, manifest_id)
    if manifest is None:
        raise WarehouseProblem(Kind.MISSING, f"There is no manifest {manifest_id}.")
    location = connection.execute(
        text("select name, address from location where code = :code"), {"code": manifest.location}
    ).one()
    rows = tuple(
        ManifestRow(parcel.awb, parcel.order_number, parcel.invoice_number, parcel.pincode, parcel.weight_g, parcel.cod)
        for parcel in manifests.parcels_of(connection, manifest_id)
    )
    address = location.address
    return ManifestContent(
        manifest.number,
        manifest.courier,
        manifest.account,
        manifest.day,
        location.name,
        (*address["lines"], f"{address['city']} {address['pincode']}"),
        rows,
    )
