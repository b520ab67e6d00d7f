#!/bin/sh
# Two roles and two databases of one server; neither role may enter the other's database.
# The Postgres image runs this once, when its data folder is still empty.
set -eu
psql --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
  --set airflow_password="$AIRFLOW_DATABASE_PASSWORD" --set oms_password="$OMS_DATABASE_PASSWORD" <<'SQL'
create role airflow login password :'airflow_password';
create role oms login password :'oms_password';
create database airflow owner airflow;
create database oms owner oms;
revoke connect on database airflow, oms from public;
SQL
