# Airflow with the DAGs, plugins and packages of this repository, from the lock.
# A package index of your own is given to pip as a build secret or argument (PIP_INDEX_URL and the like), never here.
FROM python:3.11-slim AS wheel

# Our own package is built by what the lock says, hashes and all; nothing of this stage but the wheel is kept.
WORKDIR /source
COPY requirements-dev.txt ./
RUN python -m pip install --no-cache-dir --require-hashes --requirement requirements-dev.txt
COPY pyproject.toml README.md LICENSE ./
COPY include include
COPY plugins plugins
RUN python -m pip wheel --no-deps --no-build-isolation --no-index --wheel-dir /wheels .

FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1
WORKDIR /opt/magento-oms

COPY requirements.txt ./
RUN python -m pip install --no-cache-dir --require-hashes --requirement requirements.txt
COPY --from=wheel /wheels /wheels
RUN python -m pip install --no-cache-dir --no-deps --no-index /wheels/*.whl \
 && useradd --create-home --uid 50000 airflow \
 && install --directory --owner airflow --group airflow /var/lib/airflow /var/lib/airflow/logs /var/lib/airflow/login /var/lib/airflow/reports
COPY plugins plugins
COPY config config
COPY dags dags
COPY docker/healthy.py docker/healthy.py

# `airflow_local_settings` lies in config/: Airflow's components wait for a database that restarts.
ENV AIRFLOW_HOME=/var/lib/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/magento-oms/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/magento-oms/plugins \
    MAGENTO_OMS_INSTANCES_DIR=/opt/magento-oms/instances \
    PYTHONPATH=/opt/magento-oms/config
USER airflow
