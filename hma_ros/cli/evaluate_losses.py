# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma evaluate losses``: the losses of a training run as a chart."""

from __future__ import annotations

import argparse
from pathlib import Path

from hma_ros.cli import evaluate_options
from hma_ros.core.errors import ConfigError
from hma_ros.core.writable import check_file

EXAMPLES = """\
examples:
  hma evaluate losses runs/mine/model/log.jsonl
  hma evaluate losses runs/mine/tokenizer/log.jsonl --out tokenizer.svg

Each loss is drawn over the optimiser steps, on a logarithmic axis; values that are not positive
are left out.
"""


def add_part(parts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``losses``."""
    parser = evaluate_options.add_part(
        parts, 'losses', 'draw the losses of a training run as a chart', EXAMPLES
    )
    parser.add_argument(
        'log', type=Path, metavar='LOG', help='log.jsonl of `hma train` or `hma finetune`'
    )
    parser.add_argument(
        '--out',
        type=Path,
        metavar='FILE',
        help='SVG to write (default: losses.svg beside LOG)',
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw the chart; its title is the name of the log's folder."""
    from hma_ros.evaluation.losses import losses_chart

    out = args.out or args.log.with_name('losses.svg')
    check_file('--out', out)
    if out.resolve() == args.log.resolve():
        raise ConfigError(f'--out: got {out}, the log itself, expected another file; choose one')
    chart = losses_chart(args.log.absolute().parent.name, args.log)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(chart, encoding='utf-8')
    print(f'wrote {out}')
    return 0
