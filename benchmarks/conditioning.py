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

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.held_out_tokens import mean_score
from benchmarks.mixture import Budget, Experiment, Mixture
from hma_ros.data.windows import TokenEpisode
from hma_ros.evaluation.conditioning_table import conditioning_table
from hma_ros.evaluation.measurements import write_measurements
from hma_ros.network.config import Injection

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
    args = _arguments()
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


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.conditioning',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('--out', type=Path, default=Path('runs/scaling'), metavar='DIR', help='runs and episodes')
    add('--json', type=Path, default=Path('benchmarks/out/conditioning.json'), metavar='FILE')
    add('--steps', type=int, default=1000, metavar='N', help='optimiser steps (1000)')
    add('--windows', type=int, default=4, metavar='N', help='windows of a robot in a step (4)')
    return parser.parse_args()


def _measured(
    experiment: Experiment, mixture: Mixture, budget: Budget, variant: str
) -> dict[str, Any]:
    """Train and score one model, unless that was done."""
    found = experiment.run_folder(mixture, budget) / 'held_out.json'
    if not found.is_file():
        found.write_text(json.dumps(_scored(experiment, mixture, budget)))
    return {
        'name': 'conditioning',
        'variant': variant,
        'training_steps': budget.steps,
        **json.loads(found.read_text()),
    }


def _scored(experiment: Experiment, mixture: Mixture, budget: Budget) -> dict[str, Any]:
    """Train one model, and score it on held-out episodes of each of its robots."""
    model = experiment.trained(mixture, budget)
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
