"""E-way bills and IRNs over the OMS API: what waits is told, and goes on when its number comes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.gateway.oms_api import Api, pack_body, running
from tests.workflows.forward.conftest import forward_config, goods

from magento_oms.documents.read_back import barcodes, texts

QR = "eyJhbGciOiJSUzI1NiJ9." * 30


@pytest.fixture
def e_invoicing(oms_database: str) -> Iterator[Api]:
    """An API of a store whose turnover wants IRNs."""
    config = forward_config(invoice={"prefix": "LM", "gst_percent": 5, "e_invoicing": True})
    with running(oms_database, config=config) as api:
        yield api


def packed(api: Api, price: float, gstin: str = "") -> int:
    """A packed fulfilment of an order of such a price (to such a buyer)."""
    api.forward.stock("pune", KURTA=1)
    entity_id = api.forward.place(goods("KURTA", price=price))
    if gstin:
        api.forward.oms.run(
            "update sales_order set buyer = jsonb_set(buyer, '{billing,gstin}', to_jsonb(cast(:g as text)))", g=gstin
        )
    api.forward.route()
    [row] = api.forward.fulfilments(entity_id)
    shown = api.call("GET", f"/fulfilments/{row['id']}").json()
    assert api.call("POST", f"/fulfilments/{row['id']}/pack", pack_body(shown)).status_code == 200
    return int(row["id"])


def test_an_order_waits_for_its_eway_bill_and_goes_on(api: Api) -> None:
    fulfilment_id = packed(api, 60_000)
    [wanted] = api.call("GET", "/permits").json()
    assert (wanted["fulfilment_id"], wanted["kind"], wanted["total"]) == (fulfilment_id, "eway_bill", "60000.00")
    figures = api.call("GET", f"/fulfilments/{fulfilment_id}/invoice").json()
    assert figures["number"] == wanted["invoice_number"]
    assert figures["goods"][0]["taxable"] == "57142.86"
    api.forward.push_magento()
    assert api.forward.store.invoices == []
    path = f"/fulfilments/{fulfilment_id}/permits/eway_bill"
    assert "twelve digits" in api.call("PUT", path, {"number": "39100012345X"}).json()["detail"]
    assert api.call("PUT", path, {"number": "391000123456"}).status_code == 200
    assert api.call("PUT", path, {"number": "391000123456"}).status_code == 200
    assert api.call("PUT", path, {"number": "391000123457"}).status_code == 409
    assert api.call("GET", "/permits").json() == []
    api.forward.push_magento()
    assert len(api.forward.store.invoices) == 1
    pdf = api.call("GET", f"/fulfilments/{fulfilment_id}/invoice.pdf").content
    assert "391000123456" in texts(pdf)[0]


def test_an_invoice_to_a_registered_buyer_waits_for_its_irn(e_invoicing: Api) -> None:
    api = e_invoicing
    fulfilment_id = packed(api, 500, "29AAPFU0939F1ZR")
    [wanted] = api.call("GET", "/permits").json()
    assert (wanted["kind"], wanted["buyer_gstin"]) == ("irn", "29AAPFU0939F1ZR")
    path = f"/fulfilments/{fulfilment_id}/permits/irn"
    assert "signed QR code" in api.call("PUT", path, {"number": "a" * 64}).json()["detail"]
    assert api.call("PUT", path, {"number": "a" * 64, "signed_qr": QR}).status_code == 200
    api.forward.push_magento()
    pdf = api.call("GET", f"/fulfilments/{fulfilment_id}/invoice.pdf").content
    assert QR in barcodes(pdf, scale=3, qr=True)


def test_without_e_invoicing_no_irn_is_waited_for(api: Api) -> None:
    fulfilment_id = packed(api, 500, "29AAPFU0939F1ZR")
    assert api.call("GET", "/permits").json() == []
    assert api.call("GET", f"/fulfilments/{fulfilment_id + 1}/invoice").status_code == 404
