"""Reading products and customers: everything once, then what changed; and the orders that wait for a product."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from tests.workflows.fakes import NOW, FakeMagento, instance_config
from tests.workflows.oms import Oms
from tests.workflows.payloads import item

from magento_oms.config.models import InstanceConfig
from magento_oms.ports import ConfigurationError, PermanentError, RetryableError
from magento_oms.settings import settings
from magento_oms.storage import customers, quarantine
from magento_oms.storage.catalogue import BEGINNING
from magento_oms.storage.database import engine
from magento_oms.storage.leases import Lease
from magento_oms.workflows import quarantine_care
from magento_oms.workflows.master_data import pull, waiting
from magento_oms.workflows.master_data.pull import CUSTOMERS, PRODUCTS, MasterSummary
from magento_oms.workflows.order_pull import pull_live

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MAGENTO_OMS_FERNET_KEY", Fernet.generate_key().decode())
    settings.cache_clear()
    yield
    settings.cache_clear()


def timed(oms: Oms, store: FakeMagento, config: InstanceConfig, kind: pull.Kind = PRODUCTS) -> MasterSummary:
    """The run of the hour that has just ended."""
    return pull.pull(oms.url, store, config, kind, start=store.now - HOUR, end=store.now, run_id="test", catch_up=True)


def live(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    """A live run of orders, as the task makes it."""
    pull_live(
        oms.url,
        store,
        config,
        holder="test",
        sleep=store.pass_time,
        then=lambda: waiting.ask_for_unknown(oms.url, store, config),
    )


def skus(oms: Oms) -> dict[str, str]:
    """SKU → name, of products that are not gone."""
    return {row["sku"]: row["name"] for row in oms.rows("select sku, name from product where gone_at is null")}


def old_product(store: FakeMagento, product_id: int, sku: str) -> None:
    """A product that was last changed long ago."""
    store.add_product(product_id, sku, updated_at="2020-01-01 00:00:00")


# Windows --------------------------------------------------------------------------------------------------------------


def test_first_run_reads_everything_the_next_only_what_changed(
    oms: Oms, store: FakeMagento, config: InstanceConfig
) -> None:
    old_product(store, 1, "A")
    old_product(store, 2, "B")
    assert timed(oms, store, config).as_dict() | {"seconds": 0} == {
        "instance": "loom",
        "workflow": "catalog_pull",
        "window": "everything",
        "read": 2,
        "new": 2,
        "changed": 0,
        "unchanged": 0,
        "noted": 0,
        "quarantined": 0,
        "gone": 0,
        "pages": 1,
        "orders_woken": 0,
        "erased": 0,
        "seconds": 0,
    }
    store.pass_time(3500)
    store.add_product(2, "B", name="Better B")
    store.pass_time(100)
    second = timed(oms, store, config)
    assert (second.counts.read, second.counts.changed, second.counts.new) == (1, 1, 0)
    assert skus(oms) == {"A": "Product A", "B": "Better B"}


def test_after_an_outage_what_was_missed_is_read(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    old_product(store, 9, "OLD")
    timed(oms, store, config)
    store.pass_time(3600)
    store.add_product(1, "A")
    store.pass_time(5 * 3600)
    summary = timed(oms, store, config)
    assert (summary.counts.read, summary.counts.new) == (1, 1)


def test_run_that_broke_off_is_made_good_by_the_next(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    old_product(store, 9, "OLD")
    timed(oms, store, config)
    store.pass_time(3000)
    store.add_product(1, "A")
    store.pass_time(600)
    store.fail("products_after", RetryableError("503"))
    with pytest.raises(RetryableError):
        timed(oms, store, config)
    store.pass_time(3600)
    assert timed(oms, store, config).counts.new == 1


def test_backfill_reads_its_window_and_leaves_the_rest(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    store.add_product(1, "EARLY", updated_at="2026-11-20 09:30:00")
    store.add_product(2, "LATE", updated_at="2026-11-20 11:30:00")
    pull.pull(oms.url, store, config, PRODUCTS, start=NOW - 3 * HOUR, end=NOW - 2 * HOUR, run_id="backfill")
    assert skus(oms) == {"EARLY": "Product EARLY"}
    assert timed(oms, store, config).window == "everything"


def test_pages_of_any_size_miss_nothing(oms: Oms, store: FakeMagento) -> None:
    for number in range(1, 8):
        store.add_product(number * 3, f"P{number}")
    summary = timed(oms, store, instance_config(page_size=3))
    assert (summary.pages, summary.counts.new) == (3, 7)


def test_dry_run_counts_and_writes_nothing(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    store.add_product(1, "A")
    summary = pull.pull(oms.url, store, config, PRODUCTS, start=BEGINNING, end=store.now, run_id="test", dry_run=True)
    assert (summary.counts.read, oms.count("product"), oms.count("window_ledger")) == (1, 0, 0)


def test_one_run_at_a_time_catches_up(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    with Lease(oms.url, "catalog_pull:loom", "another", ttl=60), pytest.raises(pull.AnotherRunReads):
        timed(oms, store, config)


def test_window_upside_down_is_refused(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    with pytest.raises(ValueError, match="must lie before"):
        pull.pull(oms.url, store, config, PRODUCTS, start=NOW, end=NOW, run_id="test")


# Products -------------------------------------------------------------------------------------------------------------


def test_other_attributes_configured_make_known_products_new(oms: Oms, store: FakeMagento) -> None:
    store.add_product(1, "A", attributes={"ean": "8901234567890"})
    timed(oms, store, instance_config())
    assert oms.rows("select barcode from product") == [{"barcode": ""}]
    config = instance_config(catalogue={"barcode_attribute": "ean"})
    pull.pull(oms.url, store, config, PRODUCTS, start=BEGINNING, end=store.now, run_id="test")
    assert oms.rows("select barcode from product") == [{"barcode": "8901234567890"}]


def test_renamed_sku_keeps_the_old_name_as_gone(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    store.add_product(1, "OLD")
    timed(oms, store, config)
    store.pass_time(3600)
    store.add_product(1, "NEW")
    store.pass_time(1)
    timed(oms, store, config)
    assert skus(oms) == {"NEW": "Product NEW"}
    assert oms.rows("select sku from product where gone_at is not null") == [{"sku": "OLD"}]


def test_two_products_may_swap_their_skus(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    store.add_product(1, "A", name="one")
    store.add_product(2, "B", name="two")
    timed(oms, store, config)
    store.pass_time(3600)
    store.add_product(1, "B", name="one")
    store.add_product(2, "A", name="two")
    store.pass_time(1)
    timed(oms, store, config)
    assert skus(oms) == {"B": "one", "A": "two"}


def test_deleted_product_is_found_by_reading_everything(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    store.add_product(1, "A")
    store.add_product(2, "B")
    timed(oms, store, config)
    del store.catalogue[1]
    summary = pull.pull(oms.url, store, config, PRODUCTS, start=BEGINNING, end=store.now, run_id="test")
    assert summary.counts.gone == 1
    assert skus(oms) == {"B": "Product B"}


def test_odd_product_goes_to_quarantine_and_the_others_on(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    store.add_product(1, "A")
    store.add_product(2, "B", updated_at="2026-11-20 12:00:00", type_id="")
    store.add_product(3, "C\x00")
    store.add_product(4, "D")
    summary = timed(oms, store, config)
    assert (summary.counts.new, summary.counts.quarantined) == (2, 2)
    assert oms.quarantined() == {"product:2": "missing_field", "product:3": "could_not_store"}
    store.pass_time(3600)
    store.add_product(2, "B")
    store.pass_time(1)
    timed(oms, store, config)
    assert oms.quarantined() == {"product:3": "could_not_store"}


def test_quarantined_product_is_retried_from_its_payload(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    store.add_product(1, "A", type_id="")
    timed(oms, store, config)
    with engine(oms.url).connect() as connection:
        [entry] = quarantine.list_open(connection)
    retried = quarantine_care.retry(oms.url, entry, lambda code: config)
    assert not retried.resolved
    assert "no type_id" in retried.told


# Customers ------------------------------------------------------------------------------------------------------------


def test_customers_are_kept_encrypted_and_erased_in_time(oms: Oms, store: FakeMagento) -> None:
    config = instance_config(customers={"keep_days": 30})
    [row] = oms.rows("select to_char(now() at time zone 'utc', 'YYYY-MM-DD HH24:MI:SS') as now")
    store.add_customer(1, updated_at=row["now"])
    store.add_customer(2, updated_at="2020-01-01 00:00:00")
    assert timed(oms, store, config, CUSTOMERS).counts.new == 2
    stored = {row["customer_id"]: row["personal"] for row in oms.rows("select * from customer")}
    assert stored[2] is None
    assert b"buyer1" not in bytes(stored[1])
    with engine(oms.url).connect() as connection:
        told = customers.personal(connection, "loom", 1)
        assert told is not None
        assert told["email"] == "buyer1@example.com"
        assert customers.personal(connection, "loom", 2) is None
    oms.run("update customer set updated_at = updated_at - interval '31 days'")
    store.pass_time(3600)
    assert timed(oms, store, config, CUSTOMERS).erased == 1
    assert [row["personal"] for row in oms.rows("select personal from customer")] == [None, None]


def test_summary_and_quarantine_name_no_customer(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    store.add_customer(1, created_at="c1@example.com")
    summary = timed(oms, store, config, CUSTOMERS)
    assert summary.counts.quarantined == 1
    told = str(oms.rows("select reason, way_out from quarantine")) + str(summary.as_dict())
    assert "@" not in told


def test_customer_who_left_is_erased(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    store.add_customer(1)
    store.add_customer(2)
    timed(oms, store, config, CUSTOMERS)
    del store.customers[1]
    summary = pull.pull(oms.url, store, config, CUSTOMERS, start=BEGINNING, end=store.now, run_id="test")
    assert summary.counts.gone == 1
    assert oms.rows("select personal is null as erased from customer where customer_id = 1") == [{"erased": True}]


# Orders that wait -----------------------------------------------------------------------------------------------------


@pytest.fixture
def with_catalogue(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    """The catalogue was read; it has one product."""
    store.add_product(1, "KNOWN")
    timed(oms, store, config)


def place(store: FakeMagento, sku: str, product_id: int) -> int:
    """An order of one SKU."""
    return store.place(items=[item(10 * product_id, sku, product_id=product_id)])


def test_before_a_catalogue_was_read_no_order_waits(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    pull.pull(oms.url, store, config, PRODUCTS, start=NOW - 2 * HOUR, end=NOW - HOUR, run_id="backfill")
    entity_id = place(store, "ANY", 9)
    live(oms, store, config)
    assert oms.order(entity_id)["state"] == "allocated"
    assert store.calls["products_of"] == 0


def test_empty_catalogue_makes_no_order_wait(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    assert "no products" in timed(oms, store, config).note
    entity_id = place(store, "ANY", 9)
    live(oms, store, config)
    assert oms.order(entity_id)["state"] == "allocated"


@pytest.mark.usefixtures("with_catalogue")
def test_many_new_skus_are_read_within_the_same_run(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    for number in range(2, 52):
        store.add_product(number, f"NEW-{number}")
        place(store, f"NEW-{number}", number)
    live(oms, store, config)
    assert set(oms.states().values()) == {"allocated"}
    assert store.calls["products_of"] == 3


@pytest.mark.usefixtures("with_catalogue")
def test_known_skus_go_on_also_where_an_option_lengthens_them(
    oms: Oms, store: FakeMagento, config: InstanceConfig
) -> None:
    entity_id = place(store, "KNOWN-engraved", 1)
    live(oms, store, config)
    assert oms.order(entity_id)["state"] == "allocated"
    assert oms.count("awaited_sku") == 0


@pytest.mark.usefixtures("with_catalogue")
def test_new_product_is_read_at_once_and_its_order_goes_on(
    oms: Oms, store: FakeMagento, config: InstanceConfig
) -> None:
    store.add_product(2, "NEW")
    entity_id = place(store, "NEW", 2)
    live(oms, store, config)
    assert oms.order(entity_id)["state"] == "allocated"
    assert oms.effect_states(entity_id) == ["due"]
    [hold] = oms.rows("select code, reason, released_at from order_hold")
    assert hold["code"] == "unknown_sku"
    assert "NEW" in hold["reason"]
    assert hold["released_at"] is not None
    assert oms.count("awaited_sku") == 0


@pytest.mark.usefixtures("with_catalogue")
def test_order_waits_until_the_catalogue_brings_its_product(
    oms: Oms, store: FakeMagento, config: InstanceConfig
) -> None:
    first, second = place(store, "SOON", 2), place(store, "KNOWN", 1)
    live(oms, store, config)
    assert oms.states() == {first: "held", second: "allocated"}
    assert oms.quarantined() == {"sku:SOON": "unknown_sku"}
    store.pass_time(1800)
    store.add_product(2, "SOON")
    store.pass_time(1800)
    assert timed(oms, store, config).orders_woken == 1
    assert oms.states() == {first: "allocated", second: "allocated"}
    assert oms.effect_states(first) == ["due"]
    assert oms.quarantined() == {}


@pytest.mark.usefixtures("with_catalogue")
def test_it_is_asked_again_at_growing_intervals(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    place(store, "NEVER", 2)
    for _ in range(3):
        live(oms, store, config)
    assert store.calls["products_of"] == 1
    oms.run("update awaited_sku set ask_at = now()")
    live(oms, store, config)
    assert store.calls["products_of"] == 2
    [row] = oms.rows("select asked, extract(epoch from ask_at - now()) as wait from awaited_sku")
    assert row["asked"] == 2
    assert 100 < row["wait"] <= 120


@pytest.mark.usefixtures("with_catalogue")
@pytest.mark.parametrize("error", [RetryableError("503"), PermanentError("no permission", status=401)])
def test_store_that_cannot_be_asked_does_not_disturb_orders(
    oms: Oms, store: FakeMagento, config: InstanceConfig, error: RetryableError | PermanentError
) -> None:
    store.add_product(2, "NEW")
    store.fail("products_of", error)
    first, second = place(store, "NEW", 2), place(store, "KNOWN", 1)
    live(oms, store, config)
    assert oms.states() == {first: "held", second: "allocated"}
    oms.run("update awaited_sku set ask_at = now()")
    live(oms, store, config)
    assert oms.states() == {first: "allocated", second: "allocated"}


@pytest.mark.usefixtures("with_catalogue")
def test_order_of_two_unknown_skus_waits_for_both(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    entity_id = store.place(items=[item(1, "ONE", product_id=2), item(2, "TWO", product_id=3)])
    store.add_product(2, "ONE")
    live(oms, store, config)
    assert oms.states() == {entity_id: "held"}
    store.pass_time(1800)
    store.add_product(3, "TWO")
    store.pass_time(1800)
    timed(oms, store, config)
    assert oms.states() == {entity_id: "allocated"}


@pytest.mark.usefixtures("with_catalogue")
def test_run_killed_before_it_woke_the_orders_leaves_them_to_the_next(
    oms: Oms, store: FakeMagento, config: InstanceConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    entity_id = place(store, "NEW", 2)
    live(oms, store, config)
    store.pass_time(1800)
    store.add_product(2, "NEW")
    store.pass_time(1800)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(waiting, "take_in", killed)
        with pytest.raises(KeyboardInterrupt):
            timed(oms, store, config)
    assert oms.states() == {entity_id: "held"}
    live(oms, store, config)
    assert oms.states() == {entity_id: "allocated"}


@pytest.mark.usefixtures("with_catalogue")
def test_cancelled_while_it_waits_is_cancelled(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    entity_id = place(store, "NEVER", 2)
    live(oms, store, config)
    store.pass_time(60)
    store.cancel_in_admin(entity_id)
    live(oms, store, config)
    assert oms.states() == {entity_id: "cancelled"}
    assert oms.effect_states(entity_id) == []
    assert oms.count("awaited_sku") == 0
    assert oms.quarantined() == {}


@pytest.mark.usefixtures("with_catalogue")
def test_person_lets_it_go_on_without_a_product(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    entity_id = place(store, "NEVER", 2)
    live(oms, store, config)
    with pytest.raises(ConfigurationError, match="No order of loom waits for the SKU 'OTHER'"):
        waiting.accept(oms.url, config, "OTHER", "me")
    assert waiting.accept(oms.url, config, "NEVER", "me") == 1
    assert oms.states() == {entity_id: "allocated"}
    assert oms.quarantined() == {}


@pytest.mark.usefixtures("with_catalogue")
def test_history_waits_for_nothing(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    store.now -= timedelta(days=60)
    entity_id = place(store, "ANCIENT", 7)
    oms.take_in(store, config, [entity_id])
    assert oms.count("order_hold") == oms.count("awaited_sku") == 0
