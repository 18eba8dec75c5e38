# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What pre-training gains on one of our robots left out (HMA, arXiv 2502.04296, tables 3 and 4).

A model is trained on the three other simulated robots. It, and a network of the same sizes with
random weights, then learn the robot left out from few demonstrations, for as many steps. Runs and
episodes are kept in --out: after a stop, the same command goes on. One seed.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks.mixture import Budget, Experiment, Mixture
from benchmarks.report.new_robot_tables import transfer_table
from benchmarks.transfer import STARTS, evaluated, finetuned, predicted
from hma_ros.cli.train_data import EMBODIMENTS
from hma_ros.evaluation.measurements import write_measurements
from hma_ros.sim.generate import generate

# Another set than that of the mixtures.
_SEED = 1


def main() -> int:
    """Train, evaluate, and write the results."""
    args = _arguments()
    others = tuple(robot for robot in EMBODIMENTS if robot != args.robot)
    experiment, mixture = Experiment(args.out), Mixture(others)
    budget = Budget(args.pretraining_steps, args.pretraining_windows)
    experiment.trained(mixture, budget)
    run, data = experiment.run_folder(mixture, budget), _demonstrations(args)
    results = [_measured(args, run, data, trunk) for trunk in STARTS]
    numbers = ('pretraining_steps', 'pretraining_windows', 'demonstrations', 'steps', 'windows')
    options = [
        f' --{name.replace("_", "-")} {getattr(args, name)}'
        for name in ('robot', *numbers, 'head_steps')
    ]
    write_measurements(args.json, f'python -m benchmarks.left_out{"".join(options)}', results)
    print(transfer_table(results))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.left_out',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('--robot', default='sim_franka', choices=EMBODIMENTS, help='left out (sim_franka)')
    add('--out', type=Path, default=Path('runs/scaling'), metavar='DIR', help='runs and episodes')
    add('--json', type=Path, default=Path('benchmarks/out/left_out.json'), metavar='FILE')
    for name, default, text in (
        ('pretraining-steps', 1200, 'optimiser steps on the three others'),
        ('pretraining-windows', 4, 'windows of each of them in a step'),
        ('demonstrations', 40, 'of the robot left out'),
        ('steps', 300, 'optimiser steps on them'),
        ('windows', 8, 'windows in such a step'),
        ('head-steps', 1500, 'optimiser steps of only the action head'),
        ('episodes', 50, 'held-out starts in closed loop'),
    ):
        add(f'--{name}', type=int, default=default, metavar='N', help=f'{text} ({default})')
    return parser.parse_args()


def _demonstrations(args: argparse.Namespace) -> Path:
    """Make demonstrations of the scripted expert, once."""
    folder: Path = args.out / f'demonstrations_{args.demonstrations}' / args.robot
    if not list(folder.glob('train/**/metadata.json')):
        generate(args.robot, folder, {'expert': args.demonstrations}, _SEED, workers=1)
    return folder / 'train'


def _measured(args: argparse.Namespace, init: Path, data: Path, trunk: str) -> dict[str, Any]:
    """Fine-tune from one start, and measure frames and actions."""
    name = f'{args.robot}_{trunk}_{args.demonstrations}_{args.steps}x{args.windows}'
    options = ['--steps', args.steps, '--windows', args.windows, '--head-steps', args.head_steps]
    bundle = finetuned(init, data, init / name, trunk, *options)
    robot = ['--robot', args.robot]
    held = predicted(bundle, *robot, '--episodes', 40, '--steps', 200, '--trials', 2)
    starts = ['--episodes', args.episodes, '--policies', 'model', '--workers', 1]
    acted = evaluated('closed-loop', bundle, *robot, *starts)
    return {
        'name': 'transfer',
        'robot': args.robot,
        'start': STARTS[trunk],
        'training_steps': args.steps,
        **held,
        **{key: acted[key] for key in ('successes', 'episodes')},
    }


if __name__ == '__main__':
    raise SystemExit(main())
