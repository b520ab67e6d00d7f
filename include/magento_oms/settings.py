"""Settings from the environment: where things are on this machine. What a brand decides is in `instances/`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Environment variables, all prefixed `MAGENTO_OMS_`.

    Attributes:
        database_url: the OMS database, `postgresql+psycopg://user:password@host:port/name`.
        instances_dir: folder of the instances' YAML files.
        fernet_key: key that stored tokens are encrypted with; Airflow's own key is used where this one is not set.
        reports_dir: folder that reconciliations write their reports into.
        alerts: ways to tell people of failures, see `magento_oms.orchestration.alerting`.
    """

    model_config = SettingsConfigDict(env_prefix="MAGENTO_OMS_", extra="ignore")

    database_url: SecretStr = Field(default=SecretStr(""))
    instances_dir: Path = Path("instances")
    fernet_key: SecretStr = Field(default=SecretStr(""))
    reports_dir: Path = Path("reports")
    alerts: str = "log"


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
