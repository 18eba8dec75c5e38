# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What pre-training gains on a robot never seen (HMA, arXiv 2502.04296, tables 3 and 4).

Each data set trains the shipped model further, and a network of the same sizes from random
weights, for as many steps; both then predict the frames of held-out episodes. Record and import
the sets as docs/how-to/use-external-simulators.md says. Existing runs are kept.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.report.new_robot_tables import transfer_table
from hma_ros.evaluation.measurements import write_measurements

# By the option of hma finetune.
STARTS = {'all': 'pre-trained', 'scratch': 'random weights'}


def main() -> int:
    """Train, evaluate, and write the results."""
    args = _arguments()
    results = [
        _measured(args, folder, trunk)
        for folder in sorted(args.train.iterdir())
        for trunk in STARTS
    ]
    command = f'python -m benchmarks.transfer --train {args.train} --held {args.held}'
    command += f' --steps {args.steps} --windows {args.windows}'
    write_measurements(args.json, command, results)
    print(transfer_table(results))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.transfer',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('--train', type=Path, required=True, metavar='DIR', help='folder of imported data sets')
    add('--held', type=Path, required=True, metavar='DIR', help='held-out ones of the same names')
    add('--out', type=Path, default=Path('runs/transfer'), metavar='DIR', help='runs and bundles')
    add('--json', type=Path, default=Path('benchmarks/out/transfer.json'), metavar='FILE')
    add('--steps', type=int, default=300, metavar='N', help='optimiser steps (300)')
    add('--windows', type=int, default=8, metavar='N', help='windows in a step (8)')
    return parser.parse_args()


def _measured(args: argparse.Namespace, folder: Path, trunk: str) -> dict[str, Any]:
    """Train and evaluate one start on one data set."""
    run = args.out / f'{folder.name}_{trunk}_{args.steps}x{args.windows}'
    options = ['--steps', args.steps, '--windows', args.windows, '--head-steps', 500]
    bundle = finetuned('hma_sim', folder, run, trunk, *options)
    held = ['--data', args.held / folder.name, '--steps', 200, '--trials', 2]
    return {
        'name': 'transfer',
        'robot': folder.name,
        'start': STARTS[trunk],
        'training_steps': args.steps,
        **predicted(bundle, *held),
    }


def finetuned(init: str | Path, data: Path, run: Path, trunk: str, *options: object) -> Path:
    """
    Fine-tune, unless that was done.

    :param init: what to start from, as `hma finetune` takes it.
    :param run: folder of the run.
    :param options: further ones of `hma finetune`.
    :returns: the bundle.
    """
    bundle = run / 'bundle'
    if not bundle.is_dir():
        where = ['--init', init, '--data', data, '--out', run, '--bundle', bundle]
        # All starts learn from all demonstrations; others score them.
        hma('finetune', *where, '--trunk', trunk, '--held-out', 0, *options)
    return bundle


def predicted(bundle: Path, *options: object) -> dict[str, Any]:
    """Measure what a bundle imagines, unless that was done; keep what the table shows."""
    prediction = evaluated('prediction', bundle, *options)
    shown = ('steps', 'changed_gain', 'delta_changed', 'token_entropy_nats', 'token_accuracy')
    return {key: prediction[key] for key in shown}


def evaluated(what: str, bundle: Path, *options: object) -> dict[str, Any]:
    """Return the one result of an `hma evaluate`, which is kept beside the bundle."""
    found = bundle.with_name(f'{what}.json')
    if not found.is_file():
        hma('evaluate', what, '--bundle', bundle, *options, '--out', found)
    (result,) = json.loads(found.read_text())['results']
    return dict(result)


def hma(*words: object) -> None:
    """Run a command of this package; raises CalledProcessError of one that fails."""
    command = [str(Path(sys.executable).with_name('hma')), *map(str, words)]
    subprocess.run(command, check=True)


if __name__ == '__main__':
    raise SystemExit(main())
