# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Options of decoding are compared over all robots, and measured once."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import decoding
from benchmarks.report.decoding_table import decoding_table
from hma_ros.core.generation.decoding import Decoding
from hma_ros.evaluation.long_horizon import LongHorizon, Quality

STEPS = (1, 32)


def quality(survival: float, tool_error_px: float) -> dict[str, float]:
    return {
        'survival': survival,
        'object_error_px': float('nan'),
        'tool_error_px': tool_error_px,
        'gain_db': 3.0,
        'tool_survival': 1.0,
        'object_survival': 1.0,
    }


class Rollouts:
    """Stands for the rollouts of a robot, of which a share survives."""

    def __init__(self, survival: float) -> None:
        self._survival = survival

    def at(self, steps: int) -> LongHorizon:
        found = quality(self._survival / steps, self._survival)
        ideal = Quality(**quality(1.0, 0.0))
        return LongHorizon(
            **found, robot='r', actions='a', steps=steps, episodes=8, tokenizer=ideal
        )


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Stand in for the measurement: two choices, the second of which is better."""
    found: list[Any] = []

    def measure(bundle: Any, robot: str, config: Any, pool: Any) -> list[Rollouts]:
        found.append((robot, config.decoding))
        return [Rollouts(0.5 if config.decoding.guidance else 0.25)]

    monkeypatch.setattr(decoding, 'measure_long_horizon', measure)
    monkeypatch.setattr(decoding, 'STEPS', STEPS)
    monkeypatch.setattr(decoding, 'CHOICES', (Decoding(), Decoding(guidance=2.0)))
    return found


def test_a_choice_is_a_line_and_is_measured_once(
    calls: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / 'decoding.json'
    monkeypatch.setattr('sys.argv', ['decoding', '--json', str(path)])
    assert decoding.main() == 0
    robots = len({robot for robot, _ in calls})
    assert len(calls) == 2 * robots
    results = json.loads(path.read_text())['results']
    table = decoding_table(results)
    assert table.header[:5] == ('temperature', 'mask steps', 'guidance', 'steps', 'rollouts')
    bundle, _, guided, _ = table.lines
    assert bundle[:6] == ('0.5', '2', '1', '1', str(8 * robots), '25')
    assert guided[2:6] == ('2', '1', str(8 * robots), '50')
    # No rollout showed the object.
    assert '-' in guided
    assert decoding.main() == 0
    assert len(calls) == 2 * robots
