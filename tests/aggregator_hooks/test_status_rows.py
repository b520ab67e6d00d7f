"""Every row of the vendors' tables of statuses, written down once more from what is known of the vendors.

A line: codes, what they mean forward, what they mean for a return. `-` keeps the state; `!` wants a person to look.
"""

from __future__ import annotations

import pytest

from aggregator_hooks.registry import VENDORS
from aggregator_hooks.shipway.statuses import code_of as shipway_code
from magento_oms.ports import CourierEvent, Direction, Meaning, ParcelStatus

ROWS = {
    "shiprocket": """
        shipment:1 shipment:2 shipment:52 | created | return_placed
        shipment:3 shipment:4 shipment:5 shipment:15 shipment:27 | pickup_scheduled | return_placed
        shipment:6 shipment:18 shipment:38 shipment:39 | in_transit | return_in_transit
        shipment:48 shipment:49 shipment:50 shipment:51 shipment:54 shipment:55 shipment:56 shipment:57 \
            | in_transit | return_in_transit
        shipment:7 | delivered | return_delivered
        shipment:8 shipment:45 | cancelled | return_cancelled
        shipment:9 shipment:75 | rto_initiated | -
        shipment:10 shipment:14 | rto_delivered | -
        shipment:40 shipment:41 shipment:46 shipment:78 | rto_in_transit | -
        shipment:11 shipment:16 shipment:22 | - | -
        shipment:12 shipment:24 shipment:25 shipment:44 | lost | lost
        shipment:13 shipment:20 | pickup_scheduled ! | return_placed !
        shipment:17 | out_for_delivery | return_in_transit
        shipment:19 | pickup_scheduled | return_out_for_pickup
        shipment:21 | delivery_failed | return_in_transit !
        shipment:23 shipment:71 shipment:72 shipment:76 | - ! | *
        shipment:26 shipment:43 | - ! | -
        shipment:42 | picked_up | return_picked_up
        shipment:47 | - ! | return_qc_failed
        shipment:77 | delivery_failed | -
        order:1 order:2 order:3 order:62 order:69 order:72 order:73 order:74 order:75 order:76 order:80 order:81 \
            | created | *
        order:4 order:12 order:13 order:34 order:70 | pickup_scheduled | *
        order:14 order:35 | pickup_scheduled ! | *
        order:51 | picked_up | *
        order:6 order:20 order:37 order:43 order:44 order:58 order:59 order:60 order:61 order:64 order:65 order:66 \
            order:67 | in_transit | *
        order:19 | out_for_delivery | *
        order:7 | delivered | *
        order:36 order:89 | delivery_failed | *
        order:5 order:54 | cancelled | *
        order:33 order:39 order:40 order:53 | lost | *
        order:15 order:87 | rto_initiated | *
        order:45 order:46 order:55 order:90 | rto_in_transit | *
        order:16 order:17 | rto_delivered | *
        order:21 order:22 order:23 order:24 order:28 order:31 order:49 | * | return_placed
        order:47 | * | return_out_for_pickup
        order:32 | * | return_picked_up
        order:25 order:48 order:50 | * | return_in_transit
        order:26 order:68 order:9 | * | return_delivered
        order:57 | * | return_qc_failed
        order:27 order:30 | * | return_cancelled
        order:8 order:10 order:11 order:18 order:29 order:42 order:71 order:82 order:83 order:88 | - | -
        order:38 order:41 order:52 | - ! | - !
    """,
    "clickpost": """
        1 28 | created | return_placed
        2 | pickup_scheduled | return_placed
        3 | pickup_scheduled ! | return_placed
        25 | pickup_scheduled | return_out_for_pickup
        4 | picked_up | return_picked_up
        5 1004 | in_transit | return_in_transit
        6 | out_for_delivery | return_in_transit
        7 | delivery_failed | - !
        8 | delivered | return_delivered
        9 | delivery_failed | return_in_transit !
        10 | cancelled | return_cancelled
        11 12 | rto_initiated | -
        13 21 26 27 | rto_in_transit | -
        14 | rto_delivered | -
        15 | rto_in_transit ! | -
        16 17 | lost | lost
        18 19 20 23 | - | -
        30 | delivered | return_picked_up
        31 | delivered | return_in_transit
        32 | delivered | return_delivered
        101 102 | - | return_placed
    """,
    "shipway": """
        O SCH A | created | *
        E OFP | pickup_scheduled | *
        PKF SHPFR0 SHPFR17 SHPRF18 SHPRF19 SHPRF20 RPF | pickup_scheduled ! | *
        NFI NFIDS ONH ROTH | - | -
        PKP PUP | picked_up | *
        INT RAD SMD NWI DNB DRE FDR OTH | in_transit | *
        OOD OFD | out_for_delivery | *
        DEL | delivered | return_delivered
        UND 22 23 24 25 CRTA CNA DEX PNR ODA SHNDR1 SHNDR22 | delivery_failed | *
        CAN PCAN | cancelled | return_cancelled
        LOST | lost | lost
        RTO | rto_initiated | -
        RTONDR1 RTONDR12 | rto_in_transit | -
        RTD | rto_delivered | -
        RSCH RPSH RSMD RPF RPEX | * | return_placed
        ROOP ROFP | * | return_out_for_pickup
        RPKP | * | return_picked_up
        RINT ROOD RUND | * | return_in_transit
        RDEL | * | return_delivered
        RCAN RCLO | * | return_cancelled
    """,
    "eshipz": """
        pending/ pickuppending/ inforeceived/ | created | return_placed
        pickupscheduled/ | pickup_scheduled | return_placed
        outforpickup/ inforeceived/outforpickup | pickup_scheduled | return_out_for_pickup
        exception/pickupexception | pickup_scheduled ! | return_placed
        pickedup/ | picked_up | return_picked_up
        intransit/ exception/delay exception/hold exception/misroute | in_transit | return_in_transit
        outfordelivery/ | out_for_delivery | return_in_transit
        exception/undelivered exception/refused exception/consigneenotavailable exception/address \
            exception/premisesclosed | delivery_failed | return_in_transit
        delivered/ | delivered | return_delivered
        return/ return/rtoinitiated | rto_initiated | -
        return/rtointransit | rto_in_transit | -
        return/rtodelivered | rto_delivered | -
        cancelled/ | cancelled | return_cancelled
        exception/lost | lost | lost
        exception/ | - | -
    """,
}


def rows() -> list[tuple[str, str, Direction, str]]:
    found = []
    for vendor, table in ROWS.items():
        for line in table.replace("\\\n", " ").strip().splitlines():
            codes, *meanings = (part.strip() for part in line.split("|"))
            for direction, wanted in zip((Direction.FORWARD, Direction.REVERSE), meanings, strict=True):
                found += [(vendor, code, direction, wanted) for code in codes.split() if wanted != "*"]
    return found


def meaning(vendor: str, code: str, direction: Direction, **more: object) -> Meaning:
    return VENDORS[vendor].statuses.meaning(CourierEvent(code, **more), direction)  # type: ignore[arg-type]


@pytest.mark.parametrize(("vendor", "code", "direction", "wanted"), rows())
def test_every_row(vendor: str, code: str, direction: Direction, wanted: str) -> None:
    found = meaning(vendor, code, direction)

    status, _, alert = wanted.partition(" ")
    assert found.known
    assert found.status == (None if status == "-" else ParcelStatus(status))
    if alert:
        assert found.alert


@pytest.mark.parametrize(
    ("vendor", "code"),
    [("shiprocket", "shipment:999"), ("shiprocket", "order:85"), ("clickpost", "22"), ("clickpost", "202"),
     ("shipway", "SHE"), ("shipway", "SHNDR23"), ("eshipz", "exception/meteorite"), ("eshipz", "rubbish/")],
)  # fmt: skip
@pytest.mark.parametrize("direction", list(Direction))
def test_an_unknown_code_keeps_the_state_and_is_told_of(vendor: str, code: str, direction: Direction) -> None:
    found = meaning(vendor, code, direction)

    assert (found.status, found.known) == (None, False)


@pytest.mark.parametrize(
    "label",
    [
        "UNDELIVERED", "RTO DELIVERED", "RETURN DELIVERED", "PARTIAL DELIVERED", "UNDELIVERED-1ST ATTEMPT", "RTO_OFD",
        "RTO IN INTRANSIT", "Delivery delayed",
    ],
)  # fmt: skip
@pytest.mark.parametrize("vendor", ["shiprocket", "shipway"])
def test_no_label_is_taken_for_a_delivery_because_of_a_part_of_it(vendor: str, label: str) -> None:
    code = f"label:{label}" if vendor == "shiprocket" else shipway_code(label)

    assert meaning(vendor, code, Direction.FORWARD).status is not ParcelStatus.DELIVERED


@pytest.mark.parametrize(
    ("npr", "wanted"), [("3", "return_qc_failed"), ("5", "return_qc_failed"), ("", "return_placed")]
)
def test_clickposts_reason_of_a_failed_pickup(npr: str, wanted: str) -> None:
    found = meaning("clickpost", "3", Direction.REVERSE, hints={"npr": npr})

    assert found.status == wanted


@pytest.mark.parametrize("npr", ["2", "8"])
def test_a_pickup_that_the_customer_called_off_is_looked_at(npr: str) -> None:
    found = meaning("clickpost", "3", Direction.REVERSE, hints={"npr": npr})

    assert found.alert
    assert found.status is not ParcelStatus.RETURN_CANCELLED


@pytest.mark.parametrize("code", ["RPF", "RPEX", "RCAN"])
def test_shipway_tells_a_failed_quality_check_by_its_words(code: str) -> None:
    assert meaning("shipway", code, Direction.REVERSE, remark="QC failed at doorstep").status == "return_qc_failed"
    assert meaning("shipway", code, Direction.REVERSE, remark="customer away").status != "return_qc_failed"


@pytest.mark.parametrize(("vendor", "code"), [("shipway", "RTO"), ("eshipz", "return/")])
def test_one_code_for_all_of_an_rto_moves_on_from_the_second_time(vendor: str, code: str) -> None:
    found = meaning(vendor, code, Direction.FORWARD)

    assert (found.status, found.again) == (ParcelStatus.RTO_INITIATED, ParcelStatus.RTO_IN_TRANSIT)


@pytest.mark.parametrize("written", ["RTODelivered", "rtodelivered", "RTO_Delivered", "rto delivered"])
def test_eshipz_tags_are_matched_as_a_whole(written: str) -> None:
    from aggregator_hooks.eshipz.statuses import code_of

    assert meaning("eshipz", code_of("Return", written), Direction.FORWARD).status == "rto_delivered"
