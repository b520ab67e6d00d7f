"""A Magento 2 store as Airflow sees it: connection, authentication, reading and changing orders, typed errors.

`store.open_magento` needs no Airflow; `hook.MagentoHook` reads an Airflow connection and opens the store by it.
"""
