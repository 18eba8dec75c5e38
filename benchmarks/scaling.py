# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
How prediction scales with robots, trajectories and parameters (HMA, arXiv 2502.04296, figure 6).

Small models are trained for as many steps each on simulated robots, from random weights, and
predict the same held-out episodes. Runs and episodes are kept in --out: after a stop, the same
command goes on. It takes hours of one CPU core; one seed.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.held_out_tokens import mean_score
from benchmarks.mixture import Budget, Experiment, Mixture
from hma_ros.evaluation.measurements import write_measurements
from hma_ros.evaluation.scaling_tables import scaling_table

# The first is in every mixture, so that all models can be compared on its episodes.
ROBOTS = ('sim_ur5e', 'sim_so101', 'sim_franka', 'sim_planar')
# Small enough for many runs on one core.
_SMALL = {'width': 64, 'layers': 4}
SERIES = {
    'robots': [Mixture(ROBOTS[:count], **_SMALL) for count in (1, 2, 3, 4)],
    'trajectories': [Mixture(ROBOTS, count, **_SMALL) for count in (10, 40, 160)],
    'parameters': [
        Mixture(ROBOTS, width=width, layers=layers)
        for width, layers in ((32, 2), (64, 4), (96, 6))
    ],
}


def main() -> int:
    """Train, score, and write the results."""
    args = _arguments()
    experiment, budget = Experiment(args.out), Budget(args.steps, args.windows)
    command = f'python -m benchmarks.scaling --steps {args.steps} --windows {args.windows}'
    results: list[dict[str, Any]] = []
    for series, mixtures in SERIES.items():
        for mixture in mixtures:
            results.append(_measured(experiment, mixture, budget, series))
            write_measurements(args.json, command, results)
    print(scaling_table(results))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.scaling',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('--out', type=Path, default=Path('runs/scaling'), metavar='DIR', help='runs and episodes')
    add('--json', type=Path, default=Path('benchmarks/out/scaling.json'), metavar='FILE')
    add('--steps', type=int, default=2000, metavar='N', help='optimiser steps (2000)')
    add('--windows', type=int, default=2, metavar='N', help='windows of a robot in a step (2)')
    return parser.parse_args()


def _measured(
    experiment: Experiment, mixture: Mixture, budget: Budget, series: str
) -> dict[str, Any]:
    """Train and score one model, unless that was done: the largest is in every series."""
    found = experiment.run_folder(mixture, budget) / 'held_out.json'
    if not found.is_file():
        found.write_text(json.dumps(_scored(experiment, mixture, budget)))
    return {
        'name': 'scaling',
        'series': series,
        'robots': len(mixture.robots),
        'trajectories': mixture.trajectories,
        'training_steps': budget.steps,
        **json.loads(found.read_text()),
    }


def _scored(experiment: Experiment, mixture: Mixture, budget: Budget) -> dict[str, Any]:
    """Train one model, and score it on held-out episodes of each of its robots."""
    model = experiment.trained(mixture, budget)
    stems = zip(mixture.robots, model.config.domains, strict=True)
    scores = {
        robot: mean_score(model, domain.name, experiment.tokens(robot, 'val'))
        for robot, domain in stems
    }
    return {
        'parameters': sum(item.numel() for item in model.decoder.parameters()),
        'token_entropy_nats': {robot: score.entropy_nats for robot, score in scores.items()},
        'token_accuracy': {robot: score.accuracy for robot, score in scores.items()},
    }


if __name__ == '__main__':
    raise SystemExit(main())
