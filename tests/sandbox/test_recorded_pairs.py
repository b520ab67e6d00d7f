"""The contract: every pair recorded from a real Magento is answered alike, or is listed with its reason."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from commerce_sandbox.replay import NOT_REPLAYABLE, BadRecording, replay_directory

RECORDED = Path(__file__).parents[1] / "recorded" / "magento"


def test_every_recorded_pair_is_alike_or_listed_with_its_reason(new_database: Callable[[], str]) -> None:
    report = replay_directory(RECORDED, new_database())

    assert report.counts["different"] == 0, report.render()
    listed = json.loads((RECORDED / NOT_REPLAYABLE).read_text())
    not_applicable = {each.file for each in report.verdicts if each.verdict == "not applicable"}
    assert not_applicable == set(listed)
    assert all(reason.strip() for reason in listed.values())
    assert report.counts["alike"] >= 240


def test_a_directory_with_some_of_the_pairs_only_is_replayed_from_the_packages_own_state(
    tmp_path: Path, new_database: Callable[[], str]
) -> None:
    for pattern in ("120_*", "146_*", "198_*", "216_*"):
        for file in RECORDED.glob(pattern):
            shutil.copy(file, tmp_path)

    report = replay_directory(tmp_path, new_database())

    assert report.counts == {"alike": 4, "different": 0, "not applicable": 0}, report.render(everything=True)


def test_a_changed_answer_is_told_with_its_place(tmp_path: Path, new_database: Callable[[], str]) -> None:
    file = next(RECORDED.glob("059_*"))
    pair = json.loads(file.read_text())
    pair["response"]["body"]["grand_total"] = 7
    (tmp_path / file.name).write_text(json.dumps(pair))

    report = replay_directory(tmp_path, new_database())

    assert not report.ok
    assert "059_order_get.json: /grand_total: 1062, recorded 7" in report.render()


def test_a_directory_without_recordings_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadRecording, match="holds no recordings"):
        replay_directory(tmp_path, "postgresql://nowhere")
