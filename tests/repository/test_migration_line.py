"""Migrations follow each other in one line, by the numbers that their files have."""

from __future__ import annotations

import re

from tests.repository.checkout import REPOSITORY

FOLDER = REPOSITORY / "include/magento_oms/storage/migrations/versions"


def test_each_migration_follows_the_one_before() -> None:
    """Two that were made side by side would both be the newest one, and the database could not be upgraded."""
    numbers, follows = [], []
    for path in sorted(FOLDER.glob("v*.py")):
        text = path.read_text(encoding="utf-8")
        revision = re.search(r'^revision = "(\d{4})"$', text, re.MULTILINE)
        before = re.search(r'^down_revision = (?:"(\d{4})"|None)$', text, re.MULTILINE)
        assert revision, path.name
        assert before, path.name
        assert path.name.startswith(f"v{revision[1]}_")
        numbers.append(revision[1])
        follows.append(before[1])
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]
    assert follows == [None, *numbers[:-1]]
