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

from hma_ros.evaluation.measurements import write_measurements
from hma_ros.evaluation.tables import transfer_table

# By the option of hma finetune.
_STARTS = {'all': 'pre-trained', 'scratch': 'random weights'}


def main() -> int:
    """Train, evaluate, and write the results."""
    args = _arguments()
    results = [
        _measured(args, folder, trunk)
        for folder in sorted(args.train.iterdir())
        for trunk in _STARTS
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
    bundle, found = run / 'bundle', run / 'prediction.json'
    if not bundle.is_dir():
        options = ['--trunk', trunk, '--steps', args.steps, '--windows', args.windows]
        options += ['--head-steps', 500, '--out', run, '--bundle', bundle]
        _hma('finetune', '--init', 'hma_sim', '--data', folder, *options)
    if not found.is_file():
        options = ['--data', args.held / folder.name, '--steps', 200, '--trials', 2]
        _hma('evaluate', 'prediction', '--bundle', bundle, *options, '--out', found)
    (prediction,) = json.loads(found.read_text())['results']
    return {
        'name': 'transfer',
        'robot': folder.name,
        'start': _STARTS[trunk],
        'training_steps': args.steps,
        **{key: prediction[key] for key in ('steps', 'changed_gain', 'delta_changed')},
        **{key: prediction[key] for key in ('token_entropy_nats', 'token_accuracy')},
    }


def _hma(*words: object) -> None:
    command = [str(Path(sys.executable).with_name('hma')), *map(str, words)]
    subprocess.run(command, check=True)


if __name__ == '__main__':
    raise SystemExit(main())
