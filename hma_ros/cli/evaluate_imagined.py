# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma evaluate imagined``: policies judged inside the world model."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from hma_ros.cli import evaluate_options
from hma_ros.cli.interruption import keeping_nothing
from hma_ros.cli.numbers import not_negative_number, positive
from hma_ros.cli.pool_options import add_pool, chosen_pool
from hma_ros.core.writable import check_file, check_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hma_ros.evaluation.images import OpenLoopRollout
    from hma_ros.evaluation.imagined_success import Contender

EXAMPLES = """\
examples:
  hma evaluate imagined --robot sim_planar --episodes 10 --images out/imagined
  hma evaluate imagined --policies hma_sim models/mine --noise 0     which policy is better?
  hma evaluate imagined --out benchmarks/out/imagined_success.json

Each start is run in the simulator, and again in imagined frames: after the first four frames the
policy sees what the model imagines, and the model what the policy does. Success is judged by what
the image shows, so only for robots where one camera shows it: the default leaves out sim_so101.
--noise makes each policy worse by degrees. Look at the strips in FOLDER before you believe a
number.
"""


def add_part(parts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``imagined``."""
    parser = evaluate_options.add_part(
        parts,
        'imagined',
        'how often policies succeed in imagined frames, and in the simulator',
        EXAMPLES,
    )
    evaluate_options.add_common(parser)
    parser.add_argument(
        '--policies',
        nargs='+',
        metavar='FOLDER',
        help='bundles whose policies act (default: that of --bundle)',
    )
    parser.add_argument(
        '--noise',
        type=not_negative_number,
        nargs='+',
        default=[0.0, 4.0, 8.0, 16.0],
        metavar='X',
        help="on the actions of each policy, in multiples of the expert's (default: 0 4 8 16)",
    )
    parser.add_argument(
        '--episodes',
        type=positive,
        default=20,
        metavar='N',
        help='starts of each policy with each noise (default: 20)',
    )
    evaluate_options.add_seed(parser, 'the starts')
    add_pool(parser, 2)
    parser.add_argument(
        '--images',
        type=Path,
        metavar='FOLDER',
        help='write strips and animations of the first two episodes of each policy here',
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the table, and write what was asked for."""
    from hma_ros.evaluation.imagined_success import (
        Contender,
        check_contenders,
        judge_policies,
    )
    from hma_ros.evaluation.imagined_table import imagined_success_table
    from hma_ros.evaluation.measurements import as_result
    from hma_ros.evaluation.success_judge import JUDGED

    check_folder('--images', args.images)
    check_file('--out', args.out)
    manifest = evaluate_options.chosen_manifest(args)
    served = evaluate_options.chosen_robots(args, manifest)
    robots = args.robots or [robot for robot in served if robot in JUDGED] or served
    world, contenders = Contender(args.bundle, str(manifest.folder)), _contenders(args)
    for robot in robots:
        check_contenders(world, robot, contenders)
    results, pool = [], chosen_pool(args)
    with keeping_nothing('this evaluation'):
        for robot in robots:
            judged = judge_policies(world, robot, contenders, args.episodes, pool, args.seed)
            for result, films in judged:
                results.append(as_result('imagined_success', result))
                if args.images:
                    _draw(args.images, f'{robot} {result.policy}', films)
    print(imagined_success_table(results))
    evaluate_options.write_results(args, results)
    return 0


def _contenders(args: argparse.Namespace) -> list[Contender]:
    from hma_ros.bringup import bundle_folder
    from hma_ros.evaluation.imagined_success import Contender

    return [
        Contender(source, str(bundle_folder(source)), noise)
        for source in args.policies or [args.bundle]
        for noise in args.noise
    ]


def _draw(folder: Path, name: str, films: Sequence[OpenLoopRollout]) -> None:
    from hma_ros.evaluation.images import write_animation, write_strip

    for number, film in enumerate(films):
        path = f'{re.sub("[^0-9A-Za-z.]+", "_", name)}_{number}'
        write_strip(film, folder / f'{path}.png')
        write_animation(film, folder / f'{path}.gif')
    print(f'images: {folder}')
