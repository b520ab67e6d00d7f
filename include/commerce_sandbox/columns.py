"""The columns of Magento's tables that a list call may filter and sort by, and how Postgres reads them here.

Sales tables are flat: a name that is no column is an SQL error, which Magento answers with 500. Products and customers
are attributes: an unknown name is a 400.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from commerce_sandbox.magento_rules.book import Refused

Kind = Literal["number", "text", "datetime"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its SQL, how MySQL compares it, and whether the SQL's text is already folded to lower case."""

    sql: str
    kind: Kind
    folded: bool = False
    never_null: bool = False


@dataclass(frozen=True, slots=True)
class ListTable:
    """What one list call reads.

    Attributes:
        source: the SQL after `from`, with `%(instance)s` for the instance.
        document: the SQL of the row as JSON text.
        key: the SQL that orders ties and unsorted lists, as the primary key does in MySQL.
        columns: by Magento's name.
        key_by: other orders, by the column that is filtered by.
        unknown: whether an unknown name is a 500 (`sql`) or a 400 (`attribute`).
    """

    source: str
    document: str
    key: str
    columns: Mapping[str, Column]
    unknown: Literal["sql", "attribute"] = "sql"
    key_by: Mapping[str, str] = field(default_factory=dict)

    def key_for(self, filtered: Collection[str]) -> str:
        """The order of rows when these columns are filtered by: MySQL reads them by an index that begins with one."""
        return next((key for name, key in self.key_by.items() if name in filtered), self.key)

    def column(self, name: str | None) -> Column:
        """The column of a name.

        Raises:
            Refused: an unknown name; 500 without a body of its own (a report id is made) or 400.
        """
        found = self.columns.get((name or "").strip("`").lower())
        if found:
            return found
        if self.unknown == "attribute":
            raise Refused(400, 'The "%1" attribute name is invalid. Reset the name and try again.', [name])
        raise internal_error()


def internal_error() -> Refused:
    """A 500 as production mode shows it; the server appends the report's number."""
    return Refused(500, "Internal Error. Details are available in Magento log file. Report ID: webapi-%report")


_DECIMAL_MONEY = """
adjustment_negative adjustment_positive discount_amount discount_canceled discount_invoiced discount_refunded
grand_total shipping_amount shipping_canceled shipping_invoiced shipping_refunded shipping_tax_amount
shipping_tax_refunded subtotal subtotal_canceled subtotal_invoiced subtotal_refunded tax_amount tax_canceled
tax_invoiced tax_refunded total_canceled total_invoiced total_offline_refunded total_online_refunded total_paid
total_refunded total_due subtotal_incl_tax shipping_discount_amount shipping_incl_tax discount_tax_compensation_amount
discount_tax_compensation_invoiced discount_tax_compensation_refunded shipping_discount_tax_compensation_amount
"""

_ORDER_NUMBERS = f"""
{_DECIMAL_MONEY} {" ".join("base_" + name for name in _DECIMAL_MONEY.split())}
base_total_invoiced_cost base_total_qty_ordered total_qty_ordered base_to_global_rate base_to_order_rate
store_to_base_rate store_to_order_rate is_virtual customer_id can_ship_partially can_ship_partially_item
customer_is_guest customer_note_notify billing_address_id customer_group_id edit_increment email_sent send_email
forced_shipment_with_invoice payment_auth_expiration quote_address_id quote_id shipping_address_id weight
total_item_count customer_gender base_shipping_discount_tax_compensation_amnt paypal_ipn_customer_notified
gift_message_id payment_authorization_amount
"""

_ORDER_TEXTS = """
coupon_code protect_code shipping_description applied_rule_ids base_currency_code customer_email customer_firstname
customer_lastname customer_middlename customer_prefix customer_suffix customer_taxvat discount_description
ext_customer_id ext_order_id global_currency_code hold_before_state hold_before_status order_currency_code
original_increment_id relation_child_id relation_child_real_id relation_parent_id relation_parent_real_id remote_ip
shipping_method store_currency_code store_name x_forwarded_for customer_note coupon_rule_name
"""

_ITEM_NUMBERS = """
order_id parent_item_id quote_item_id product_id is_virtual free_shipping is_qty_decimal no_discount qty_backordered
qty_canceled qty_invoiced qty_ordered qty_refunded qty_shipped base_cost price base_price original_price
base_original_price tax_percent tax_amount base_tax_amount tax_invoiced base_tax_invoiced discount_percent
discount_amount base_discount_amount discount_invoiced base_discount_invoiced amount_refunded base_amount_refunded
row_total base_row_total row_invoiced base_row_invoiced row_weight base_tax_before_discount tax_before_discount
locked_do_invoice locked_do_ship price_incl_tax base_price_incl_tax row_total_incl_tax base_row_total_incl_tax
discount_tax_compensation_amount base_discount_tax_compensation_amount weight gift_message_id
"""

_PRODUCT_NUMBERS = """
attribute_set_id status visibility price special_price cost weight tax_class_id has_options required_options
category_id website_id color size manufacturer price_type sku_type weight_type shipment_type price_view
"""

_PRODUCT_TEXTS = """
name type_id url_key description short_description meta_title meta_keyword meta_description options_container image
small_image thumbnail swatch_image country_of_manufacture gift_message_available custom_design page_layout
msrp_display_actual_price_type msrp url_path category_ids links_purchased_separately links_title samples_title
links_exist hsn_code ean
"""
"""Magento's own, and what the generated brand added: HSN code and barcode."""


def _flat(name: str, kind: Kind) -> Column:
    if kind == "number":
        return Column(f"(flat->>'{name}')::numeric", kind)
    return Column(f"(flat->>'{name}')", kind)


_TIMES = {
    "created_at": Column("created_at", "datetime", never_null=True),
    "updated_at": Column("updated_at", "datetime", never_null=True),
}
_KEY = Column("id", "number", never_null=True)


def _documents(kind: str, hot: Mapping[str, Column], numbers: str = "", texts: str = "", times: str = "") -> ListTable:
    columns = {
        **{name: _flat(name, "number") for name in numbers.split()},
        **{name: _flat(name, "text") for name in texts.split()},
        **{name: _flat(name, "datetime") for name in times.split()},
        **hot,
    }
    unknown: Literal["sql", "attribute"] = "attribute" if kind in {"product", "customer"} else "sql"
    source = f"sandbox_document where instance = %(instance)s and kind = '{kind}'"
    return ListTable(source, "document", "id", columns, unknown)


_INCREMENT = Column("increment_id", "text", folded=True)
_ORDER_ID = Column("order_id", "number")
_STORE = Column("store_id", "number")

TABLES: Mapping[str, ListTable] = {
    "order": _documents(
        "order",
        {
            "entity_id": _KEY,
            "increment_id": _INCREMENT,
            "state": Column("state", "text", folded=True),
            "status": Column("status", "text", folded=True),
            "store_id": _STORE,
            **_TIMES,
        },
        _ORDER_NUMBERS,
        _ORDER_TEXTS,
        "customer_dob",
    ),
    "order_item": _documents(
        "order_item",
        {
            "item_id": _KEY,
            "order_id": _ORDER_ID,
            "sku": Column("sku", "text", folded=True),
            "store_id": _STORE,
            **_TIMES,
        },
        _ITEM_NUMBERS,
        "product_type name description applied_rule_ids additional_data ext_order_item_id product_options",
    ),
    "invoice": _documents(
        "invoice",
        {"entity_id": _KEY, "order_id": _ORDER_ID, "increment_id": _INCREMENT, "store_id": _STORE, **_TIMES},
        _ORDER_NUMBERS + " state total_qty is_used_for_refund can_void_flag",
        "transaction_id base_currency_code order_currency_code store_currency_code global_currency_code",
    ),
    "shipment": _documents(
        "shipment",
        {"entity_id": _KEY, "order_id": _ORDER_ID, "increment_id": _INCREMENT, "store_id": _STORE, **_TIMES},
        "total_weight total_qty email_sent send_email customer_id shipping_address_id billing_address_id"
        " shipment_status",
        "packages shipping_label customer_note",
    ),
    "creditmemo": _documents(
        "creditmemo",
        {"entity_id": _KEY, "order_id": _ORDER_ID, "increment_id": _INCREMENT, "store_id": _STORE, **_TIMES},
        _ORDER_NUMBERS + " state invoice_id creditmemo_status adjustment base_adjustment",
        "transaction_id base_currency_code order_currency_code store_currency_code global_currency_code",
    ),
    "product": _documents(
        "product",
        {"entity_id": _KEY, "sku": Column("sku", "text", folded=True), "store_id": _STORE, **_TIMES},
        _PRODUCT_NUMBERS,
        _PRODUCT_TEXTS,
        "special_from_date special_to_date news_from_date news_to_date custom_design_from custom_design_to",
    ),
    "customer": _documents(
        "customer",
        {"entity_id": _KEY, "store_id": _STORE, **_TIMES},
        "group_id website_id disable_auto_group_change default_billing default_shipping gender",
        "email firstname lastname middlename prefix suffix taxvat confirmation created_in",
        "dob",
    ),
    "source_item": ListTable(
        "sandbox_source_item where instance = %(instance)s",
        "json_build_object('sku', sku, 'source_code', source_code, 'quantity', trim_scale(quantity), 'status', status)"
        "::text",
        "id",
        {
            "source_item_id": Column("id", "number", never_null=True),
            "sku": Column("folded", "text", folded=True, never_null=True),
            "source_code": Column("source_code", "text", never_null=True),
            "quantity": Column("quantity", "number", never_null=True),
            "status": Column("status", "number", never_null=True),
        },
        key_by={"sku": "folded, source_code"},
    ),
    "source": ListTable(
        "sandbox_source where instance = %(instance)s",
        "document",
        "id",
        {
            "source_code": Column("source_code", "text", never_null=True),
            **{
                name: Column(f"(document::jsonb->>'{name}')", "text")
                for name in [
                    "name",
                    "description",
                    "contact_name",
                    "email",
                    "phone",
                    "fax",
                    "country_id",
                    "region",
                    "city",
                    "street",
                    "postcode",
                    "frontend_name",
                ]
            },
            **{
                name: Column(f"(case document::jsonb->>'{name}' when 'true' then 1 else 0 end)", "number")
                for name in ("enabled", "use_default_carrier_config", "is_pickup_location_active")
            },
            **{
                name: Column(f"(document::jsonb->>'{name}')::numeric", "number")
                for name in ("latitude", "longitude", "region_id")
            },
        },
    ),
    "stock": ListTable(
        "sandbox_stock where instance = %(instance)s",
        "document",
        "stock_id",
        {
            "stock_id": Column("stock_id", "number", never_null=True),
            "name": Column("(document::jsonb->>'name')", "text"),
        },
    ),
    "stock_link": ListTable(
        "sandbox_stock_link where instance = %(instance)s",
        "json_build_object('stock_id', stock_id, 'source_code', source_code, 'priority', priority)::text",
        "stock_id",
        {
            "stock_id": Column("stock_id", "number", never_null=True),
            "source_code": Column("source_code", "text", never_null=True),
            "priority": Column("priority", "number", never_null=True),
        },
    ),
    "bulk": ListTable(
        "sandbox_bulk where instance = %(instance)s",
        "json_build_object('bulk_id', uuid, 'description', topic, 'start_time', started, 'user_id', user_id,"
        " 'user_type', user_type, 'operation_count', count)::text",
        "uuid",
        {
            "uuid": Column("uuid", "text", never_null=True),
            "start_time": Column("started", "datetime", never_null=True),
            "user_id": Column("user_id", "number", never_null=True),
        },
    ),
}
