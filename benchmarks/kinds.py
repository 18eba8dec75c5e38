# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Discrete and continuous HMA on the same data (HMA, arXiv 2502.04296, figure 7).

The frame tokenizer of the shipped bundle serves both: its tokens the discrete model, its latents
before rounding the continuous one. Trunk, windows and optimiser steps are the same; neither has
action heads. Both bundles then predict held-out episodes. Runs and episodes are kept in --out:
after a stop, the same command resumes. One seed.
"""

from __future__ import annotations

import json
import time
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.mixture import HELD_OUT, Budget, Experiment, arguments
from benchmarks.report.kinds_table import kinds_table
from benchmarks.transfer import hma
from hma_ros.core.embodiment import load_embodiment
from hma_ros.data.episodes import Episode
from hma_ros.evaluation.measurements import write_measurements
from hma_ros.evaluation.replay import replay
from hma_ros.network.checkpoint import load_hma
from hma_ros.runtime.providers import Execution
from hma_ros.runtime.world_model import WorldModel

ROBOTS = ('sim_ur5e', 'sim_planar')
# The sizes of the preset `small` of the continuous kind, for both; the rest is the paper's.
_SIZES = {'width': 96, 'layers': 6, 'heads': 4, 'window': 5, 'action-tokens': 4}
_TRUNK = [word for name, size in _SIZES.items() for word in (f'--{name}', size)]
KINDS = {
    'discrete': ['--preset', 'base', '--kind', 'discrete', *_TRUNK],
    'continuous': ['--preset', 'small', '--kind', 'continuous', *_TRUNK],
}
_IMAGINED = 32


def main() -> int:
    """Train, evaluate, and write the results."""
    args = arguments('kinds', __doc__, 1000, 4)
    experiment, budget = Experiment(args.out), Budget(args.steps, args.windows)
    for robot in ROBOTS:
        experiment.episodes(robot)
    data = ['--data', args.out / 'data', '--embodiments', *ROBOTS]
    results: list[dict[str, Any]] = []
    for kind, options in KINDS.items():
        run = args.out / f'{kind}_{budget.steps}x{budget.windows}'
        amount = ['--steps', budget.steps, '--windows', budget.windows]
        where = ['--tokenizer', 'hma_sim', '--out', run, '--bundle', run / 'bundle']
        if not (run / 'bundle').is_dir():
            hma('train', 'model', *options, '--passive', *data, *amount, *where)
        results += [_measured(experiment, run, kind, robot, budget) for robot in ROBOTS]
        command = f'python -m benchmarks.kinds --steps {args.steps} --windows {args.windows}'
        write_measurements(args.json, command, results)
    print(kinds_table(results))
    return 0


def _measured(
    experiment: Experiment, run: Path, kind: str, robot: str, budget: Budget
) -> dict[str, Any]:
    """Evaluate a bundle with one robot."""
    held = ['--episodes', sum(HELD_OUT.values()), '--steps', 100, '--trials', 2]
    (prediction,) = _evaluated(run, robot, 'prediction', *held)
    ahead = ['--episodes', 12, '--steps', 1, _IMAGINED, '--actions', 'wander', '--workers', 1]
    near, far, *_ = _evaluated(run, robot, 'long-horizon', *ahead)
    (episode, *_) = experiment.episodes(robot, 'val')
    return {
        'name': 'kinds',
        'kind': kind,
        'robot': robot,
        'training_steps': budget.steps,
        'parameters': sum(item.numel() for item in load_hma(run / 'model').parameters()),
        'frames_per_s': _frames_per_s(run / 'bundle', robot, episode),
        'gain': prediction['changed_gain'],
        'delta_psnr': prediction['delta_changed'],
        'tokenizer_changed_db': prediction['tokenizer_changed_db'],
        'rollout_gain_db': {'1': near['gain_db'], str(_IMAGINED): far['gain_db']},
        'survival': {'1': near['survival'], str(_IMAGINED): far['survival']},
    }


def _evaluated(run: Path, robot: str, what: str, *options: object) -> list[dict[str, Any]]:
    """Return the results of an `hma evaluate`, which are kept beside the bundle."""
    found = run / f'{what}_{robot}.json'
    if not found.is_file():
        chosen = ['--bundle', run / 'bundle', '--robot', robot, *options]
        hma('evaluate', what, *chosen, '--images', run / f'{what}_{robot}', '--out', found)
    return list(json.loads(found.read_text())['results'])


def _frames_per_s(bundle: Path, robot: str, episode: Episode) -> float:
    """Time a rollout, frames decoded, on one thread."""
    model = WorldModel(bundle, load_embodiment(robot).stem, Execution(threads=1))
    window = model.manifest.window
    for step in replay(model, episode):
        if step == window:
            break
    chunks = episode.actions[window : window + _IMAGINED]
    begin_s = time.perf_counter()
    frames = list(islice(model.imagine_frames(chunks), _IMAGINED))
    return len(frames) / (time.perf_counter() - begin_s)


if __name__ == '__main__':
    raise SystemExit(main())
