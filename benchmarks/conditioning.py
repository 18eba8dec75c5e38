# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
How an action gets into the trunk (HMA, arXiv 2502.04296, figure 5), at equal training.

Small models are trained from random weights on the same windows of simulated robots. They differ
only in the conditioning, and predict the same held-out episodes, with the actions that were
executed and with those of other steps. There are no anchors: what is known of an action comes
through the conditioning alone. Runs and episodes are kept in --out: after a stop, the same command
goes on. One seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from benchmarks.mixture import Budget, Experiment, Mixture, arguments
from benchmarks.report.conditioning_table import conditioning_table
from hma_ros.data.windows import TokenEpisode
from hma_ros.evaluation.measurements import write_measurements
from hma_ros.network.config import Injection
from hma_ros.network.discrete import DiscreteHma
from hma_ros.training.held_out import mean_score

ROBOTS = ('sim_ur5e', 'sim_planar')
_SMALL = {'width': 64, 'layers': 4}
# By the paper's word.
VARIANTS = {
    'passive': {'injection': Injection.NONE, 'concat': False},
    'token concatenation': {'injection': Injection.NONE, 'concat': True},
    'feature addition': {'injection': Injection.ADD, 'concat': False},
    'cross-attention': {'injection': Injection.CROSS_ATTENTION, 'concat': False},
    'modulation': {'injection': Injection.MODULATE, 'concat': False},
}


def main() -> int:
    """Train, score, and write the results."""
    args = arguments('conditioning', __doc__, 1000, 4)
    experiment, budget = Experiment(args.out), Budget(args.steps, args.windows)
    command = f'python -m benchmarks.conditioning --steps {args.steps} --windows {args.windows}'
    results: list[dict[str, Any]] = []
    for variant, changes in VARIANTS.items():
        changed = tuple({'anchor': False, **changes}.items())
        mixture = Mixture(ROBOTS, **_SMALL, changes=changed)
        results.append(_measured(experiment, mixture, budget, variant))
        write_measurements(args.json, command, results)
    print(conditioning_table(results))
    return 0


def _measured(
    experiment: Experiment, mixture: Mixture, budget: Budget, variant: str
) -> dict[str, Any]:
    """Train and score one model, unless that was done."""
    scores = experiment.scored(mixture, budget, partial(_scores, experiment, mixture))
    return {
        'name': 'conditioning',
        'variant': variant,
        'training_steps': budget.steps,
        **scores,
    }


def _scores(experiment: Experiment, mixture: Mixture, model: DiscreteHma) -> dict[str, Any]:
    """Score a model on held-out episodes of each of its robots."""
    entropies, others, shares = {}, {}, {}
    for robot, domain in zip(mixture.robots, model.config.domains, strict=True):
        episodes = experiment.tokens(robot, 'val')
        score = mean_score(model, domain.name, episodes)
        other = mean_score(model, domain.name, with_other_actions(episodes))
        entropies[robot], shares[robot] = score.entropy_nats, score.accuracy
        others[robot] = other.entropy_nats
    return {
        'parameters': sum(item.numel() for item in model.decoder.parameters()),
        'token_entropy_nats': entropies,
        'token_entropy_other_actions_nats': others,
        'token_accuracy': shares,
    }


def with_other_actions(episodes: Sequence[TokenEpisode]) -> list[TokenEpisode]:
    """Give each step the action of another one of its episode."""
    rng = np.random.default_rng(0)
    return [
        replace(item, actions=item.actions[rng.permutation(len(item.actions))])
        for item in episodes
    ]


if __name__ == '__main__':
    raise SystemExit(main())
