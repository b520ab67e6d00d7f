# Airflow with the DAGs, plugins and packages of this repository, from the lock.
# A package index of your own is given to pip as a build secret or argument (PIP_INDEX_URL and the like), never here.
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /opt/magento-oms

COPY requirements.txt requirements-dev.txt ./
# hatchling builds our own package below; its version and hashes come from the lock as well.
RUN python -m pip install --require-hashes --requirement requirements.txt \
 && python -m pip install --constraint requirements-dev.txt hatchling

COPY pyproject.toml README.md LICENSE ./
COPY include include
COPY plugins plugins
COPY config config
COPY dags dags
COPY docker/healthy.py docker/healthy.py
RUN python -m pip install --no-deps --no-build-isolation --no-index --editable . \
 && python -m compileall -q include plugins dags \
 && useradd --create-home --uid 50000 airflow \
 && install --directory --owner airflow --group airflow /var/lib/airflow /var/lib/airflow/logs /var/lib/airflow/login

# `airflow_local_settings` lies in config/: Airflow's components wait for a database that restarts.
ENV AIRFLOW_HOME=/var/lib/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/magento-oms/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/magento-oms/plugins \
    MAGENTO_OMS_INSTANCES_DIR=/opt/magento-oms/instances \
    PYTHONPATH=/opt/magento-oms/config
USER airflow
