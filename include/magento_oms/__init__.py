"""Magento 2 stores, an order management system and courier aggregators, joined on Apache Airflow."""
