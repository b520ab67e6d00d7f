"""Airflow's LocalExecutor, whose workers have imported what tasks need before the first task comes.

It forks its workers from the scheduler, and a worker forks each task: what the scheduler imported, none of them imports
again. Without this half of what a task's start costs is imports, and each worker's first task costs still more.
"""

from __future__ import annotations

from importlib import import_module

from airflow.executors.local_executor import LocalExecutor

NEEDED_BY_TASKS = (
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "magento_oms.orchestration.tasks",
    "magento_oms.orchestration.courier_tasks",
    "magento_oms.orchestration.inventory_tasks",
    "magento_oms.orchestration.master_data_tasks",
    "magento_oms.orchestration.return_tasks",
)
"""What reconciles once a night is left out: it brings pandas."""


class WarmLocalExecutor(LocalExecutor):
    """LocalExecutor that starts tasks quickly. It is named by `AIRFLOW__CORE__EXECUTOR`."""

    def start(self) -> None:
        """Import, then fork the workers. What cannot be imported is left to the task, which shows it in its log."""
        for name in NEEDED_BY_TASKS:
            try:
                import_module(name)
            except Exception:  # a scheduler that does not start would stop every other workflow, too
                self.log.exception("tasks start slowly or fail: their code cannot be imported", module=name)
        super().start()
