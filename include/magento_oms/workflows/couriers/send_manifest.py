"""The effect that makes a manifest at an aggregator that has such a call; elsewhere ours alone counts."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from magento_oms.ports import Aggregator, Booked, Operation, PermanentError
from magento_oms.storage import manifests, parcels
from magento_oms.storage.effects import ClaimedEffect
from magento_oms.storage.manifests import StoredManifest
from magento_oms.workflows.effect_kinds import NotWanted, Result
from magento_oms.workflows.fulfilling.effects import MANIFEST


@dataclass(frozen=True, slots=True)
class ManifestSubject:
    """A manifest and what the aggregator said of its parcels."""

    manifest: StoredManifest
    booked: tuple[Booked, ...]


class SendManifest:
    """See the module."""

    name = MANIFEST

    def read(self, connection: Connection, effect: ClaimedEffect) -> ManifestSubject:
        """What `send` needs to know."""
        manifest = manifests.get(connection, int(effect.details["manifest"]))
        if manifest is None:
            raise PermanentError(f"There is no manifest {effect.details['manifest']}.")
        rows = manifests.parcels_of(connection, manifest.id)
        return ManifestSubject(manifest, tuple(parcels.get(connection, row.booking_id).booked for row in rows))

    def send(self, world: Aggregator, subject: ManifestSubject) -> Result:
        """Ask for it."""
        if not subject.booked:
            raise NotWanted("nothing is on it any more")
        if Operation.MANIFEST not in world.operations:
            return Result("the aggregator has no such call: our own manifest counts")
        made = world.manifest(subject.booked)
        return Result(f"manifest {made.number or 'made'} at the aggregator", facts={"number": made.number})

    def find(self, world: Aggregator, subject: ManifestSubject) -> Result | None:
        """Nothing to look for: aggregators answer with the same manifest again."""
        return None

    def settle(self, connection: Connection, subject: ManifestSubject, result: Result) -> None:
        """Keep the aggregator's number."""
        if result.facts.get("number"):
            manifests.note_reference(connection, subject.manifest.id, result.facts["number"])
