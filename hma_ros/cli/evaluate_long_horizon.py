# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma evaluate long-horizon``: how long what a bundle imagines stays true."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hma_ros.cli import evaluate_options
from hma_ros.cli.bundle_options import add_decoding, chosen_decoding
from hma_ros.cli.interruption import keeping_nothing
from hma_ros.cli.numbers import positive
from hma_ros.cli.pool_options import add_pool, chosen_pool
from hma_ros.core.writable import check_file, check_folder
from hma_ros.evaluation.long_horizon_config import ACTIONS

if TYPE_CHECKING:
    from hma_ros.runtime.manifest import Manifest

EXAMPLES = """\
examples:
  hma evaluate long-horizon --robot sim_planar --episodes 8 --images out/long_horizon
  hma evaluate long-horizon --out benchmarks/out/long_horizon.json
  hma evaluate long-horizon --robot sim_planar --steps 600 6000 --every 60 --episodes 1
      6000 steps last ten minutes at the 10 Hz of sim_planar; one rollout for each of --actions
  hma evaluate long-horizon --occluded 10 --temperature 0.5 --mask-steps 4
  hma evaluate long-horizon --episodes 400 --ray                        on a Ray cluster

wander is random motion, expert the scripted expert with its training noise; both start where no
training episode did. Brackets: the same for the tokenizer's reconstruction of the true frames.
The default is 50 rollouts of each robot and kind of actions, which takes long. Results are written
at the end: Ctrl-C keeps nothing. Look at the animations in FOLDER/long_horizon.html before you
believe a number.
"""


def add_part(parts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``long-horizon``."""
    parser = evaluate_options.add_part(
        parts,
        'long-horizon',
        "how long rollouts stay true to the simulator's frames",
        EXAMPLES,
    )
    evaluate_options.add_common(parser)
    parser.add_argument(
        '--episodes',
        type=positive,
        default=50,
        metavar='N',
        help='rollouts of each robot and kind of actions (default: 50)',
    )
    parser.add_argument(
        '--steps',
        type=positive,
        nargs='+',
        default=[1, 8, 32, 100],
        metavar='N',
        help='how far ahead to look; the largest is the horizon (default: 1 8 32 100)',
    )
    parser.add_argument(
        '--actions',
        nargs='+',
        default=list(ACTIONS),
        choices=ACTIONS,
        metavar='NAME',
        help='of wander, expert (default: both)',
    )
    _add_rollouts(parser)
    evaluate_options.add_seed(parser, 'the starts')
    add_pool(parser, 2)
    parser.add_argument(
        '--images',
        type=Path,
        metavar='FOLDER',
        help='write contact sheets, animations and a page with all of them here',
    )
    parser.set_defaults(run=run)


def _add_rollouts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--every',
        type=positive,
        default=1,
        metavar='N',
        help='judge only every Nth frame, for rollouts of thousands of steps (default: 1)',
    )
    parser.add_argument(
        '--occluded',
        type=positive,
        metavar='N',
        help='also count how often an object occluded for N steps reappears at its true place',
    )
    add_decoding(parser)


def run(args: argparse.Namespace) -> int:
    """Print the table, and write what was asked for."""
    from hma_ros.evaluation.long_horizon import measure_long_horizon
    from hma_ros.evaluation.long_horizon_config import LongHorizonConfig
    from hma_ros.evaluation.long_horizon_page import write_long_horizon
    from hma_ros.evaluation.long_horizon_table import (
        long_horizon_table,
        object_places_table,
        occlusion_table,
    )
    from hma_ros.evaluation.measurements import as_result
    from hma_ros.evaluation.object_places import object_places_of
    from hma_ros.evaluation.occlusion import check_occluded, occlusion_of

    check_folder('--images', args.images)
    check_file('--out', args.out)
    if args.occluded is not None:
        check_occluded(args.occluded, max(args.steps), args.every)
    manifest = evaluate_options.chosen_manifest(args)
    config = LongHorizonConfig(
        tuple(sorted(set(args.steps))),
        args.episodes,
        tuple(args.actions),
        args.seed,
        args.every,
        chosen_decoding(args),
    )
    robots = evaluate_options.simulated_robots(args, manifest)
    with keeping_nothing(f'long-horizon of {", ".join(robots)}'):
        by_robot = [
            list(measure_long_horizon(manifest.folder, robot, config, chosen_pool(args)))
            for robot in robots
        ]
    measured = [rollouts for of_robot in by_robot for rollouts in of_robot]
    results = [
        as_result('long_horizon', rollouts.at(steps))
        for rollouts in measured
        for steps in config.steps
    ]
    table = str(long_horizon_table(results))
    places = [as_result('object_places', object_places_of(item)) for item in by_robot]
    table += f'\nObjects as the tokenizer draws them:\n{object_places_table(places)}'
    results += places
    if args.occluded is not None:
        occluded = [as_result('occlusion', occlusion_of(item, args.occluded)) for item in measured]
        table += f'\n{occlusion_table(occluded)}'
        results += occluded
    results = [{**item, 'settings': _settings(args, manifest)} for item in results]
    print(table)
    if args.images:
        print(f'page: {write_long_horizon(args.images, measured, table)}')
    evaluate_options.write_results(args, results)
    return 0


def _settings(args: argparse.Namespace, manifest: Manifest) -> dict[str, object]:
    """Return what tells results of the same robots apart on a page."""
    decoding = chosen_decoding(args).completed_by(manifest.decoding)
    return {
        'bundle': args.bundle,
        'seed': args.seed,
        'mask steps': decoding.mask_steps,
        'temperature': decoding.temperature,
        'guidance': decoding.guidance,
    }
