# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma evaluate imagined``: policies judged inside the world model."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from hma_ros.cli import evaluate_options
from hma_ros.cli.pool_options import add_pool, chosen_pool
from hma_ros.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hma_ros.evaluation.images import Imagined
    from hma_ros.evaluation.imagined_success import Contender
    from hma_ros.runtime.manifest import Manifest

EXAMPLES = """\
examples:
  hma evaluate imagined --robot sim_planar --episodes 10 --images out/imagined
  hma evaluate imagined --policies hma_sim models/mine --noise 0     which policy is better?
  hma evaluate imagined --out benchmarks/out/imagined_success.json

Each episode is run from one start in the simulator, and from its first four frames on in imagined
frames: the policy sees what the model imagines, and the model what the policy does. Success
is judged by what the image shows. --noise makes the policy worse by degrees. Look at the strips in
FOLDER before you believe a number.
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
        type=float,
        nargs='+',
        default=[0.0, 4.0, 8.0, 16.0],
        metavar='X',
        help="on what each policy does, as a multiple of the expert's noise (default: 0 4 8 16)",
    )
    parser.add_argument(
        '--episodes',
        type=int,
        default=20,
        metavar='N',
        help='starts of each policy (default: 20)',
    )
    parser.add_argument('--seed', type=int, default=0, help='selects the starts (default: 0)')
    add_pool(parser, 2)
    parser.add_argument(
        '--images',
        type=Path,
        metavar='FOLDER',
        help='write strips and animations of the first episodes of each policy here',
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the table, and write what was asked for."""
    from hma_ros.evaluation.imagined_success import judge_policies
    from hma_ros.evaluation.imagined_table import imagined_success_table
    from hma_ros.evaluation.measurements import as_result, write_measurements
    from hma_ros.evaluation.success_judge import JUDGED

    _check(args)
    manifest = evaluate_options.chosen_manifest(args)
    if not args.robots:
        args.robots = [
            robot for robot in evaluate_options.chosen_robots(args, manifest) if robot in JUDGED
        ]
    robots, contenders = evaluate_options.chosen_robots(args, manifest), _contenders(args)
    results, pool = [], chosen_pool(args)
    for robot in robots:
        judged = judge_policies(manifest.folder, robot, contenders, args.episodes, pool, args.seed)
        for result, films in judged:
            results.append(as_result('imagined_success', result))
            if args.images:
                _draw(args.images, f'{robot} {result.policy}', films)
    print(imagined_success_table(results))
    if args.out:
        write_measurements(args.out, evaluate_options.typed_command(args), results)
    return 0


def _check(args: argparse.Namespace) -> None:
    for name, value in (('episodes', args.episodes - 1), ('seed', args.seed)):
        if value < 0:
            least = 1 if name == 'episodes' else 0
            raise ConfigError(f'--{name}: got {getattr(args, name)}, expected at least {least}')
    for noise in args.noise:
        if not (math.isfinite(noise) and noise >= 0):
            raise ConfigError(f'--noise: got {noise:g}, expected at least 0')


def _contenders(args: argparse.Namespace) -> list[Contender]:
    from hma_ros.bringup import bundle_folder
    from hma_ros.evaluation.imagined_success import Contender
    from hma_ros.runtime.manifest import Manifest

    chosen = []
    for source in args.policies or [args.bundle]:
        manifest: Manifest = Manifest.read(bundle_folder(source))
        if manifest.policy_refusal:
            raise ConfigError(
                f'--policies: got {source}, expected a bundle with a policy: '
                f'{manifest.policy_refusal}'
            )
        chosen += [Contender(str(manifest.folder), noise) for noise in args.noise]
    return chosen


def _draw(folder: Path, name: str, films: Sequence[Imagined]) -> None:
    from hma_ros.evaluation.images import write_animation, write_strip

    for number, film in enumerate(films):
        path = folder / f'{name.replace(",", "").replace(" ", "_")}_{number}'
        write_strip(film, path.with_suffix('.png'))
        write_animation(film, path.with_suffix('.gif'))
    print(f'images: {folder}')
