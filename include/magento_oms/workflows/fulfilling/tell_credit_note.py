"""The effect that prints a credit note, reads it back, and tells Magento of it as a comment on the order."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.ports import CommentOptions, MagentoOrderActions, PermanentError
from magento_oms.storage import credit_notes, papers
from magento_oms.storage.credit_notes import StoredCreditNote
from magento_oms.storage.database import text
from magento_oms.storage.effects import ClaimedEffect
from magento_oms.workflows import crediting
from magento_oms.workflows.effect_kinds import Result
from magento_oms.workflows.fulfilling.tell_magento import comment_options


@dataclass(frozen=True, slots=True)
class NoteToTell:
    """A credit note and the order that it is told at.

    Attributes:
        paper: the printed note, where it was released before.
    """

    stored: StoredCreditNote
    entity_id: int
    reference: str
    options: CommentOptions
    paper: bytes | None


class TellCreditNote:
    """See the module. No money is moved: whether and how it is paid back is Magento's own."""

    name = crediting.TELL_CREDIT_NOTE

    def __init__(self, config: InstanceConfig) -> None:
        self._config = config

    def read(self, connection: Connection, effect: ClaimedEffect) -> NoteToTell:
        """What `send` and `find` need to know."""
        stored = credit_notes.get(connection, int(effect.details["credit_note"]))
        if stored is None:
            raise PermanentError(f"Credit note {effect.details['credit_note']} is not in the OMS.")
        order = connection.execute(
            text("select entity_id, store_id from sales_order where id = :id"), {"id": stored.order_id}
        ).one()
        return NoteToTell(
            stored,
            order.entity_id,
            f"[oms-credit-note-{self._config.code}-{stored.id}]",
            comment_options(self._config.store(order.store_id)),
            papers.get(connection, crediting.PAPER, crediting.paper_of(stored.id)),
        )

    def send(self, magento: MagentoOrderActions, subject: NoteToTell) -> Result:
        """Print it, then leave the comment, unless it is there."""
        paper = subject.paper or crediting.print_checked(subject.stored.content)
        content = subject.stored.content
        if not self._said(magento, subject):
            said = f"Invoice {content.invoice_number} is credited by credit note {content.number}: {content.reason}"
            magento.add_comment(subject.entity_id, f"{said} {subject.reference}", options=subject.options)
        return Result("printed, and commented on Magento", facts={"paper": paper})

    def find(self, magento: MagentoOrderActions, subject: NoteToTell) -> Result | None:
        """Look for the comment."""
        if not self._said(magento, subject):
            return None
        paper = subject.paper or crediting.print_checked(subject.stored.content)
        return Result("found on Magento", facts={"paper": paper})

    def settle(self, connection: Connection, subject: NoteToTell, result: Result) -> None:
        """Release the paper."""
        papers.release(connection, crediting.PAPER, crediting.paper_of(subject.stored.id), result.facts["paper"])

    def _said(self, magento: MagentoOrderActions, subject: NoteToTell) -> bool:
        return any(subject.reference in str(row.get("comment") or "") for row in magento.comments(subject.entity_id))
