# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma generate``: write episodes of a simulated robot."""

import argparse
import sys
from pathlib import Path

from hma_ros.cli.interruption import keeping_nothing
from hma_ros.cli.numbers import not_negative, positive
from hma_ros.core.settings import SCENES
from hma_ros.core.short_text import counted
from hma_ros.core.vision.image import FRAME_PX, PATCH_PX
from hma_ros.core.writable import check_folder

EXAMPLES = """\
examples:
  hma generate sim_franka --out data/sim_franka --expert 1000 --play 200 --random 200
  hma generate sim_planar --out data/sim_planar --expert 50 --split val
  hma generate sim_planar --out data/long --random 50 --steps 120   however the task goes
  hma generate sim_ur5e --out data/scenes/sim_ur5e --expert 200 --scene random

The same seed writes the same episodes, whatever the number of workers.
"""


def add_parser(subparsers: 'argparse._SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add ``generate``."""
    parser = subparsers.add_parser(
        'generate',
        help='write episodes of a simulated robot',
        description='Write episodes of a simulated robot to FOLDER/SPLIT/shard_00.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('task', help='sim_franka, sim_ur5e, sim_so101 or sim_planar')
    parser.add_argument('--out', required=True, metavar='FOLDER', help='folder of this task')
    for kind, what in (
        ('expert', 'the scripted expert, with noise'),
        ('play', 'the expert with detours'),
        ('random', 'random motion'),
    ):
        parser.add_argument(
            f'--{kind}', type=not_negative, default=0, metavar='N', help=f'episodes of {what}'
        )
    parser.add_argument('--split', default='train', help='train or val (default: train)')
    parser.add_argument(
        '--seed', type=not_negative, default=0, help='seed of the whole set (default: 0)'
    )
    parser.add_argument(
        '--image-size',
        type=positive,
        default=FRAME_PX,
        metavar='PX',
        help=f'height and width of the frames (default: {FRAME_PX}); `hma train` takes multiples '
        f'of {PATCH_PX}',
    )
    parser.add_argument(
        '--steps',
        type=positive,
        metavar='N',
        help='steps of each episode (default: until a few after success)',
    )
    add_scene(parser)
    parser.add_argument('--workers', type=positive, default=2, help='processes (default: 2)')
    parser.set_defaults(run=run)


def add_scene(parser: argparse.ArgumentParser) -> None:
    """Add the choice of scenes."""
    parser.add_argument(
        '--scene',
        default='fixed',
        choices=SCENES,
        help='random: another light, other colours of table and floor, and sheets of paper on the '
        'table in each episode (domain randomisation; default: fixed)',
    )


def run(args: argparse.Namespace) -> int:
    """Write the episodes and print what was made."""
    from hma_ros.sim.generate import generate

    check_folder('--out', Path(args.out))
    if args.image_size % PATCH_PX:
        print(
            f'--image-size: got {args.image_size}; the tokenizer of `hma train` takes a multiple '
            f'of {PATCH_PX}',
            file=sys.stderr,
        )
    counts = {'expert': args.expert, 'play': args.play, 'random': args.random}
    counts = {kind: count for kind, count in counts.items() if count > 0}
    with keeping_nothing(f'the episodes of {args.out}'):
        summary = generate(
            args.task,
            args.out,
            counts,
            seed=args.seed,
            workers=args.workers,
            split=args.split,
            image_size=args.image_size,
            steps=args.steps,
            scene=args.scene,
        )
    shares = ', '.join(f'{kind} {share:.0%}' for kind, share in summary.success.items())
    episodes, steps = counted(summary.episodes, 'episode'), counted(summary.steps, 'step')
    print(f'{episodes}, {steps} in {args.out}; success: {shares}')
    return 0
