# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
How prediction scales with robots, trajectories and parameters (HMA, arXiv 2502.04296, figure 6).

Small models are trained for as many steps each on simulated robots, from random weights, and
predict the same held-out episodes. Runs and episodes are kept in --out: after a stop, the same
command goes on. It takes hours of one CPU core; one seed.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from benchmarks.mixture import Budget, Experiment, Mixture, arguments
from benchmarks.report.scaling_tables import scaling_table
from hma_ros.evaluation.measurements import write_measurements
from hma_ros.network.discrete import DiscreteHma
from hma_ros.training.held_out import mean_score

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
    args = arguments('scaling', __doc__, 2000, 2)
    experiment, budget = Experiment(args.out), Budget(args.steps, args.windows)
    command = f'python -m benchmarks.scaling --steps {args.steps} --windows {args.windows}'
    results: list[dict[str, Any]] = []
    for series, mixtures in SERIES.items():
        for mixture in mixtures:
            results.append(_measured(experiment, mixture, budget, series))
            write_measurements(args.json, command, results)
    print(scaling_table(results))
    return 0


def _measured(
    experiment: Experiment, mixture: Mixture, budget: Budget, series: str
) -> dict[str, Any]:
    """Train and score one model, unless that was done: the largest is in every series."""
    scores = experiment.scored(mixture, budget, partial(_scores, experiment, mixture))
    return {
        'name': 'scaling',
        'series': series,
        'robots': len(mixture.robots),
        'trajectories': mixture.trajectories,
        'training_steps': budget.steps,
        **scores,
    }


def _scores(experiment: Experiment, mixture: Mixture, model: DiscreteHma) -> dict[str, Any]:
    """Score a model on held-out episodes of each of its robots."""
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
