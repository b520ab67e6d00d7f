"""Tables of the courier stand-ins, beside those of the stores."""

from __future__ import annotations

from typing import LiteralString

SCHEMA: LiteralString = """
create table if not exists courier_account (
  code text primary key, vendor text not null, settings jsonb not null, created_at timestamptz not null default now()
);
create table if not exists courier_parcel (
  id bigserial primary key, account text not null, reference text not null, direction text not null,
  order_ref text not null default '', shipment_ref text not null default '', awb text not null default '',
  state text not null default 'booked', journey text not null, step bigint not null default 0,
  next_at timestamptz, document jsonb not null, created_at timestamptz not null default date_trunc('second', now())
);
create index if not exists courier_parcel_reference on courier_parcel (account, reference);
create index if not exists courier_parcel_awb on courier_parcel (account, awb);
create index if not exists courier_parcel_order on courier_parcel (account, order_ref);
create index if not exists courier_parcel_next on courier_parcel (next_at) where next_at is not null;
create table if not exists courier_scan (
  id bigserial primary key, parcel_id bigint not null references courier_parcel (id), step text not null,
  at timestamptz not null, place text not null, remark text not null
);
create index if not exists courier_scan_parcel on courier_scan (parcel_id);
create table if not exists courier_call (
  id bigserial primary key, account text not null, at timestamptz not null default clock_timestamp(),
  method text not null, path text not null, query text not null, body text not null, status bigint not null, fault text
);
create index if not exists courier_call_account on courier_call (account, id);
create table if not exists courier_effect (
  id bigserial primary key, account text not null, at timestamptz not null default clock_timestamp(),
  kind text not null, reference text not null
);
create index if not exists courier_effect_account on courier_effect (account, kind, reference);
create table if not exists courier_delivery (
  id bigserial primary key, account text not null, url text not null, headers jsonb not null, body text not null,
  due_at timestamptz not null, tries bigint not null default 0, done_at timestamptz, status bigint
);
create index if not exists courier_delivery_due on courier_delivery (due_at) where done_at is null;
"""
