"""Shows what is wrong with the instances' files as an import error in the Airflow UI; other DAGs are not affected."""

from __future__ import annotations

from magento_oms.config.load import load_instances
from magento_oms.settings import settings

problems = load_instances(settings().instances_dir).problems
if problems:
    raise ValueError("\n".join(str(problem) for problem in problems))
