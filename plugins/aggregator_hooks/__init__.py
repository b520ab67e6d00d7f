"""Courier aggregators as Airflow sees them: one package an aggregator, all behind `magento_oms.ports.Aggregator`.

A vendor's package has the same rooms everywhere:

- `requests.py`: pure functions from what the product asks to a `Call`;
- `answers.py`: pure functions from an `Answer` to what the product knows, and what its refusals mean;
- `statuses.py`: its table of statuses, as data;
- `webhook.py`: its webhooks' bodies to `CourierEvent`s, pure;
- `form.py`: the fields of its Airflow connection, as data;
- `account.py`: the thin client that joins them, and the vendor's entry for the `registry`.
"""
