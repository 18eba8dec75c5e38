# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma imagine``: synthetic episodes, recorded ones that a world model continues."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hma_ros.cli.interruption import keeping_nothing, tidy_when_ended
from hma_ros.cli.numbers import not_negative, not_negative_number, positive
from hma_ros.core.errors import ConfigError
from hma_ros.core.short_text import counted
from hma_ros.core.writable import check_folder

if TYPE_CHECKING:
    from hma_ros.evaluation.synthetic import Plan, SyntheticConfig

EXAMPLES = """\
examples:
  hma imagine --bundle mine --data data/mine --out data/mine_imagined --copies 4
      four futures of each demonstration: under the recorded actions, and three times with noise
  hma imagine --bundle hma_sim --data data/sim_planar/train --out data/imagined --actions policy
      what the policy of the bundle would do, as the bundle imagines it
  hma finetune --init hma_sim --data data/mine data/mine_imagined --out runs/mine
      learn from both

Each episode keeps its first --observed true frames; the imagined ones follow. Their joints are
where the actions lead, and the advice in them is what was done. The data set has the format of the
source and says that it is synthetic, of which bundle and source. The same command with the same
--seed imagines the same frames on the same machine. They are written at the end: Ctrl-C keeps
nothing.
"""
_NOISE = 0.5


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``imagine``."""
    parser = subparsers.add_parser(
        'imagine',
        help='write synthetic episodes: a world model continues recorded ones',
        description='Show a bundle the beginning of recorded episodes, let it imagine the rest, '
        'and write both as a data set to train on.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('--bundle', required=True, metavar='FOLDER', help='bundle, a folder or a name in models/')
    add(
        '--data',
        type=Path,
        required=True,
        metavar='FOLDER',
        help='recorded episodes: a data set of `hma data import`, or one split of one robot, '
        'such as FOLDER/ROBOT/train of `hma generate`',
    )
    add('--out', type=Path, required=True, metavar='FOLDER', help='a new folder')
    add('--episodes', type=positive, metavar='N', help='of the source, at most (default: all)')
    add(
        '--observed',
        type=positive,
        default=8,
        metavar='N',
        help='true frames at the beginning of each episode (default: 8)',
    )
    add(
        '--steps',
        type=positive,
        default=16,
        metavar='N',
        help='frames to imagine after them, at most (default: 16)',
    )
    add(
        '--actions',
        default='recorded',
        choices=('recorded', 'policy'),
        help='recorded: what was executed, as far as it goes (default); policy: what the bundle '
        'chooses',
    )
    add(
        '--copies',
        type=positive,
        default=1,
        metavar='K',
        help='of each episode, each with its own random numbers (default: 1)',
    )
    add(
        '--noise',
        type=not_negative_number,
        metavar='SHARE',
        help='standard deviation of the noise on recorded actions in all copies but the first, as '
        f"a share of the stem's own and within its bounds (default: {_NOISE})",
    )
    add('--seed', type=not_negative, default=0, help='of noise and frames (default: 0)')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Imagine, and tell what was written."""
    from hma_ros.bringup import bundle_folder
    from hma_ros.data.imported_episodes import open_recorded
    from hma_ros.data.synthetic_writer import check_new, writing_like
    from hma_ros.evaluation.synthetic import imagine_episodes, plan, provenance
    from hma_ros.runtime.manifest import Manifest

    config = _config(args)
    check_new(args.out)
    check_folder('--out', args.out)
    manifest = Manifest.read(bundle_folder(args.bundle))
    episodes, imagined = open_recorded(args.data)
    planned = plan(manifest, episodes, config)
    facts = provenance(manifest, episodes, args.data, config)
    written = steps = 0
    with (
        tidy_when_ended(),
        keeping_nothing(f'the episodes of {args.out}'),
        writing_like(episodes, args.data, args.out, facts) as writer,
    ):
        for item in imagine_episodes(manifest, episodes, planned):
            writer.add(item)
            written, steps = written + 1, steps + item.episode.steps
    _tell(args, planned, written, steps)
    if imagined:
        print(f'  left out: {counted(imagined, "episode")} that were imagined')
    return 0


def _config(args: argparse.Namespace) -> SyntheticConfig:
    """Refuse options that would change nothing: ConfigError."""
    from hma_ros.evaluation.synthetic import SyntheticConfig

    is_changed = args.actions == 'recorded' and args.copies > 1
    if args.noise is not None and not is_changed:
        raise ConfigError(
            f'--noise: got {args.noise} with --actions {args.actions} --copies {args.copies}, '
            'expected it with recorded actions and several copies only; leave it out'
        )
    noise = _NOISE if args.noise is None else args.noise
    return SyntheticConfig(
        args.observed, args.steps, args.actions, args.copies, noise, args.episodes, args.seed
    )


def _tell(args: argparse.Namespace, planned: Plan, written: int, steps: int) -> None:
    print(
        f'{args.out}: {counted(written, "episode")}, {counted(steps, "step")}, of which '
        f'{planned.frames} lead to imagined frames'
    )
    if planned.too_short:
        print(
            f'  left out: {counted(planned.too_short, "episode")} that end with the '
            f'{args.observed} observed frames'
        )
