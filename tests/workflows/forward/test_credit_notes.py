"""Credit notes: a gapless series of their own, once a subject, printed and told to Magento."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.workflows.forward.conftest import MORNING, Forward, goods

from magento_oms.documents.read_back import texts
from magento_oms.domain.invoicing.credit import TooMuchCredited
from magento_oms.ports import RetryableError, UnknownOutcome
from magento_oms.storage import invoices
from magento_oms.storage.credit_notes import StoredCreditNote
from magento_oms.storage.database import engine
from magento_oms.workflows import crediting

D = Decimal


def packed(forward: Forward) -> int:
    """A packed fulfilment of two units of each of two lines."""
    forward.stock("pune", KURTA=9, SAREE=9)
    entity_id = forward.place(goods("KURTA", "SAREE", quantity=2), shipping_amount=50)
    forward.route()
    [row] = forward.fulfilments(entity_id)
    forward.pack(row["id"])
    return int(row["id"])


def credit(forward: Forward, fulfilment_id: int, subject: str, units: dict[int, Decimal] | None) -> StoredCreditNote:
    with engine(forward.oms.url).begin() as connection:
        invoice = invoices.of_fulfilment(connection, fulfilment_id)
        assert invoice is not None
        return crediting.issue(
            connection, forward.config, invoice, subject=subject, reason="It came back.", units=units, now=MORNING
        )


def test_parts_and_the_rest_have_numbers_of_their_own_and_add_up(forward: Forward) -> None:
    fulfilment_id = packed(forward)
    first = credit(forward, fulfilment_id, "return:1", {10: D(1)})
    again = credit(forward, fulfilment_id, "return:1", {10: D(2)})
    rest = credit(forward, fulfilment_id, "return:2", None)

    assert (first.number, again.number, rest.number) == ("CN2627-000001", "CN2627-000001", "CN2627-000002")
    [invoice] = forward.oms.rows("select total, number from invoice")
    assert first.content.total + rest.content.total == invoice["total"]
    assert first.content.charges == ()
    assert first.content.invoice_number == invoice["number"]
    series = forward.oms.rows("select document_type, last from invoice_series order by 1")
    assert [(row["document_type"], row["last"]) for row in series] == [("credit_note", 2), ("tax_invoice", 1)]


def test_what_cannot_be_credited_takes_no_number(forward: Forward) -> None:
    fulfilment_id = packed(forward)
    with pytest.raises(TooMuchCredited):
        credit(forward, fulfilment_id, "return:1", {10: D(3)})
    assert forward.oms.rows("select 1 from invoice_series where document_type = 'credit_note'") == []
    credit(forward, fulfilment_id, "return:2", None)
    with pytest.raises(TooMuchCredited, match="nothing is left"):
        credit(forward, fulfilment_id, "return:3", None)


def test_it_is_printed_and_told_once_whatever_is_lost(forward: Forward) -> None:
    forward.store.fail("add_comment", UnknownOutcome("The answer was lost."), when="after", times=3)
    forward.store.fail("comments", RetryableError("Busy."))
    fulfilment_id = packed(forward)
    note = credit(forward, fulfilment_id, f"fulfilment:{fulfilment_id}", None)
    for _ in range(6):
        forward.push_magento()
        forward.oms.let_effects_fall_due()
    assert forward.effects_of("tell_credit_note") == ["done"]
    said = [text for text in forward.store.histories(1) if "credit note CN2627-000001" in text]
    assert len(said) == 1
    [paper] = forward.oms.rows("select content from paper where kind = 'credit_note'")
    assert "CREDIT NOTE" in texts(bytes(paper["content"]))[0]
    assert crediting.printed(forward.oms.url, note.id) == bytes(paper["content"])


def test_whoever_asks_sooner_gets_the_same_paper(forward: Forward) -> None:
    note = credit(forward, packed(forward), "return:1", {11: D(2)})
    paper = crediting.printed(forward.oms.url, note.id)
    forward.push_magento()
    assert crediting.printed(forward.oms.url, note.id) == paper
    assert forward.oms.count("paper") == 2  # with the invoice's
    assert crediting.printed(forward.oms.url, 999) is None
