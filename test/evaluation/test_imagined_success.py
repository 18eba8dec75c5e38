# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Policies judged inside the world model, and the judge of their success."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hma_ros.bringup import bundle_folder
from hma_ros.cli.main import main
from hma_ros.core.errors import ConfigError
from hma_ros.core.pool import Pool
from hma_ros.evaluation.imagined_success import Contender, judge_policies
from hma_ros.evaluation.imagined_table import imagined_success_table
from hma_ros.evaluation.success_judge import JUDGED, SuccessJudge
from hma_ros.sim import make_task
from hma_ros.sim.episode import run_episode

SHIPPED = Contender('hma_sim', str(bundle_folder('hma_sim')))


@pytest.mark.parametrize('robot', JUDGED)
def test_what_the_expert_does_looks_done_at_its_end_alone(robot: str) -> None:
    task = make_task(robot)
    episode = run_episode(task, 'expert', 5, 64)
    task.close()
    assert episode.success
    judge = SuccessJudge(robot, episode.frames[0])
    done = [judge.is_done(frame) for frame in episode.frames[1:]]
    assert done[-1]
    assert not any(done[: episode.steps // 2])


def test_a_lost_object_is_no_success() -> None:
    task = make_task('sim_planar')
    task.reset(5)
    judge = SuccessJudge('sim_planar', task.frame(64, 64))
    task.close()
    assert not judge.is_ever_done([np.full((64, 64, 3), 128, np.uint8)] * 4)


def test_a_robot_whose_success_no_image_shows_is_refused() -> None:
    with pytest.raises(ConfigError, match='sim_so101, expected one of .*: a single camera'):
        next(judge_policies(SHIPPED, 'sim_so101', [SHIPPED], 1, Pool()))


def test_the_shipped_policy_succeeds_in_imagined_frames_as_in_the_simulator() -> None:
    judged = judge_policies(SHIPPED, 'sim_planar', [SHIPPED], 2, Pool())
    ((result, films),) = judged
    assert (result.policy, result.simulated, result.seen) == ('hma_sim', 2, 2)
    assert result.imagined == result.agreed >= 1
    assert films[0].imagined.shape == films[0].observed.shape


def test_correlation_is_over_the_policies_of_a_robot() -> None:
    results = [
        {
            'world': 'w',
            'robot': robot,
            'policy': 'p',
            'episodes': 10,
            'simulated': simulated,
            'seen': simulated,
            'imagined': imagined,
            'agreed': 9,
        }
        for robot, simulated, imagined in (('a', 10, 8), ('a', 5, 3), ('b', 10, 7))
    ]
    lines = imagined_success_table(results).lines
    assert lines[0] == ('a', 'p', '10', '100', '100', '80', '90', '1.00')
    assert lines[2][-1] == '-'


@pytest.mark.parametrize(
    ('options', 'refusal'),
    [
        (['--noise', '-1'], 'argument --noise: got -1, expected a number of at least 0'),
        (['--episodes', '0'], 'argument --episodes: got 0, expected at least 1'),
        (['--robot', 'sim_planar', 'sim_so101'], '--robot: got sim_so101, expected one of'),
        (['--noise', 'x'], "argument --noise: got 'x', expected a number"),
        (['--policies', 'nowhere'], "bundle: got 'nowhere'"),
    ],
)
def test_options_are_checked_before_anything_runs(
    options: list[str], refusal: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / 'out.json'
    try:
        code: int | str | None = main(['evaluate', 'imagined', '--out', str(out), *options])
    except SystemExit as error:
        code = error.code
    assert code == 2
    assert refusal in capsys.readouterr().err
    assert not out.exists()
