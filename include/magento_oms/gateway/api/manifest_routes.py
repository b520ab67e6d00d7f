"""Manifests: what the couriers take, printed and handed over at once."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response
from sqlalchemy import Connection

from magento_oms.gateway.api.callers import needs
from magento_oms.gateway.api.models import HandedOverShown, ManifestGiven, ManifestShown
from magento_oms.gateway.api.problems import ApiProblem, described
from magento_oms.gateway.api.room import Room
from magento_oms.storage import manifests
from magento_oms.storage.api_tokens import Caller, Scope
from magento_oms.storage.database import autocommit
from magento_oms.storage.manifests import StoredManifest
from magento_oms.workflows.warehouse.manifests import create_manifests, hand_over_manifest, printed

Reads = Annotated[Caller, Depends(needs(Scope.FULFILMENTS_READ))]
Writes = Annotated[Caller, Depends(needs(Scope.FULFILMENTS_WRITE))]
Id = Annotated[int, Path(ge=1, le=2**62)]


def manifest_routes(room: Room) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/manifests", tags=["manifests"])

    @router.post("", responses=described(404, body=True), status_code=201)
    def create(caller: Writes, given: ManifestGiven) -> list[ManifestShown]:
        """List what is ready at a location, one manifest a courier. Empty: nothing is ready."""
        if not caller.works_at(given.location):
            raise ApiProblem(404, f"There is no location {given.location!r}.")
        made = create_manifests(room.url, given.location, account=given.account, stores=caller.stores)
        with autocommit(room.url) as connection:
            return [_shown(connection, manifest) for manifest in made]

    @router.get("", responses=described(404))
    def still_here(caller: Reads, location: Annotated[str, Query(min_length=1, max_length=31)]) -> list[ManifestShown]:
        """What was listed at a location and has not left, the oldest first, 200 at the most: for whoever lost an
        answer of making a manifest, or of handing it over.
        """
        if not caller.works_at(location):
            raise ApiProblem(404, f"There is no location {location!r}.")
        with autocommit(room.url) as connection:
            found = manifests.open_at(connection, location, caller.stores)
            return [_shown(connection, manifest) for manifest in found]

    @router.get("/{manifest_id}", responses=described(404))
    def one(caller: Reads, manifest_id: Id) -> ManifestShown:
        """One manifest."""
        with autocommit(room.url) as connection:
            return _shown(connection, _the(connection, caller, manifest_id))

    @router.get(
        "/{manifest_id}/manifest.pdf",
        response_class=Response,
        responses={**described(404), 200: {"content": {"application/pdf": {}}, "description": "The PDF."}},
    )
    def pdf(caller: Reads, manifest_id: Id) -> Response:
        """The printed list."""
        with autocommit(room.url) as connection:
            _the(connection, caller, manifest_id)
        headers = {"Cache-Control": "no-store"}
        return Response(printed(room.url, manifest_id), media_type="application/pdf", headers=headers)

    @router.post("/{manifest_id}/handover", responses=described(404))
    def handed_over(caller: Writes, manifest_id: Id) -> HandedOverShown:
        """The courier takes all that is on it. What must not leave is named; take it off the pallet. Asking again (the
        answer was lost) hands over what is left and names all of it. Allow ten seconds a hundred parcels.
        """
        with autocommit(room.url) as connection:
            _the(connection, caller, manifest_id)
        outcome = hand_over_manifest(room.url, room.configs, manifest_id, by=caller.name, check=room.check)
        return HandedOverShown(done=outcome.done, refused=outcome.refused)

    return router


def _the(connection: Connection, caller: Caller, manifest_id: int) -> StoredManifest:
    manifest = manifests.get(connection, manifest_id)
    if (
        manifest is None
        or not caller.works_at(manifest.location)
        or not manifests.is_of(connection, manifest_id, caller.stores)
    ):
        raise ApiProblem(404, f"There is no manifest {manifest_id}.")
    return manifest


def _shown(connection: Connection, manifest: StoredManifest) -> ManifestShown:
    parcels = manifests.parcels_of(connection, manifest.id)
    return ManifestShown(
        id=manifest.id,
        number=manifest.number,
        location=manifest.location,
        account=manifest.account,
        courier=manifest.courier,
        day=manifest.day.isoformat(),
        aggregator_reference=manifest.aggregator_reference,
        handed_over_at=manifest.handed_over_at,
        fulfilments=sorted({parcel.fulfilment_id for parcel in parcels}),
    )
