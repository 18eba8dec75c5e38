# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma train``: from episodes to a bundle, in resumable steps."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hma_ros.cli import train_data, train_recipe
from hma_ros.cli.bundle_options import add_torch
from hma_ros.cli.numbers import positive
from hma_ros.cli.run_folder import check_run_folder
from hma_ros.core.errors import ConfigError

if TYPE_CHECKING:
    from hma_ros.network.checkpoint import Hma

EXAMPLES = """\
examples:
  hma train all --out runs/hma_sim --bundle models/hma_sim   a bundle like the shipped one
  hma train tokenizer --data data --out runs/mine            only the frame tokenizer
  hma train model --data data --out runs/mine --steps 2000   only stems, trunk and heads
  hma train tokenizer --data data/mine --out runs/own        on a data set of `hma data import`
  hma train model --data data/mine data --embodiments sim_ur5e --out runs/both
      its robot, together with a simulated one
  hma train model --out runs/mine --self-forced 0            on true frames alone
  hma train all --init hma_sim --out runs/more --bundle models/more
      continue training the shipped model, on new episodes of its robots
  hma train model --kind continuous --passive --tokenizer runs/mine/tokenizer --out runs/mar
      diffusion instead of tokens (MAR); no action heads, so a small bundle
  hma train model --preset base --compat upstream --folders data/language_table_magvit_train \\
      --out runs/base
      the authors' sizes and objective, on their token folders

Options by what is trained:
  tokenizer   --out, --data, --embodiments, --tokenizer-steps
  model       all but --workers
  all         all but --folders
With --init the model keeps its own sizes, --preset, --kind, --compat, --passive, --anchor and
--tokenizer: leave them, --tokenizer-steps and --folders out.

Run the same command again after a stop: episodes, tokenizer and model resume; fitting of the heads
starts again. Losses are written to OUT/tokenizer/log.jsonl and OUT/model/log.jsonl.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``train``."""
    parser = subparsers.add_parser(
        'train',
        help='train the frame tokenizer and HMA on episodes',
        description='Train the frame tokenizer and HMA on episodes of several robots.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'what',
        choices=('tokenizer', 'model', 'all'),
        help='tokenizer: the frame tokenizer alone; model: HMA, and before it the tokenizer, '
        'unless --tokenizer, --init or --folders gives one; all: both, on simulated episodes '
        'that it makes where there are none, with action heads fitted at the end, and a bundle',
    )
    parser.add_argument(
        '--out', type=Path, required=True, metavar='FOLDER', help='checkpoints, logs and state'
    )
    parser.add_argument(
        '--bundle',
        type=Path,
        metavar='FOLDER',
        help='export a bundle here at the end (all needs it)',
    )
    add_torch(parser)
    _add_data(parser)
    _add_model(parser)
    _add_run(parser)
    parser.set_defaults(run=run)


def _add_data(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('data')
    group.add_argument(
        '--data',
        nargs='+',
        type=Path,
        default=[train_data.FOLDER],
        metavar='FOLDER',
        help='data sets of `hma data import` or `hma imagine`, and folders of episodes, '
        'FOLDER/EMBODIMENT/SPLIT; several of one robot are joined (default: data)',
    )
    group.add_argument(
        '--embodiments',
        nargs='+',
        metavar='NAME',
        help='robots to take from the folders of episodes; those of data sets are known from '
        'their own files (default: the four simulated ones, if --data has a folder of episodes)',
    )
    group.add_argument(
        '--folders',
        nargs='+',
        type=Path,
        metavar='FOLDER',
        help="the authors' token or latent folders, instead of episodes (only for model)",
    )
    group.add_argument(
        '--tokenizer',
        metavar='SRC',
        help='frame tokenizer: OUT/tokenizer of another run, or that of a bundle (folder or name; '
        'default: train one in OUT/tokenizer)',
    )


def _add_model(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('model')
    group.add_argument(
        '--init',
        metavar='SRC',
        help='continue training this model: OUT of another run, or a bundle (folder or name); '
        'keeps its sizes, kind, compat, frame tokenizer and action statistics (default: random '
        'weights)',
    )
    names = ('small', 'base', 'xl')
    group.add_argument('--preset', default='small', choices=names, help='sizes (default: small)')
    group.add_argument(
        '--kind',
        default='discrete',
        choices=('discrete', 'continuous'),
        help='MaskGIT or MAR (default: discrete)',
    )
    group.add_argument(
        '--compat',
        default='corrected',
        choices=('corrected', 'upstream'),
        help="upstream trains as the authors' code does, quirks included (default: "
        'corrected; docs/explanation/model.md lists the differences)',
    )
    text = 'predict frames only: no action heads'
    group.add_argument('--passive', action='store_true', help=text)
    group.add_argument(
        '--anchor',
        action=argparse.BooleanOptionalAction,
        help='the stem also reads where actions led: joints, or tool position if the episodes '
        'have it (default: with preset small, discrete, with a policy)',
    )
    for name, text in {**train_recipe.SIZES, **train_recipe.DIFFUSION}.items():
        group.add_argument(
            f'--{name}', type=positive, metavar='N', help=f'{text} (default: of the preset)'
        )


def _add_run(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('run')
    for name, default, text in (
        ('tokenizer-steps', train_recipe.TOKENIZER_STEPS, 'optimiser steps of the tokenizer'),
        ('steps', train_recipe.STEPS, 'optimiser steps of the model'),
        ('windows', train_recipe.WINDOWS, 'windows of each embodiment in a step'),
        ('workers', 2, 'processes that make episodes'),
    ):
        group.add_argument(
            f'--{name}', type=positive, default=default, metavar='N', help=f'{text} ({default})'
        )
    group.add_argument(
        '--length',
        type=positive,
        metavar='N',
        help='steps of a training window (default: --window; 1.5 times that if the context '
        'slides and each step occurs once)',
    )
    group.add_argument(
        '--self-forced',
        type=float,
        metavar='SHARE',
        help='share of windows that continue from frames the model imagined, in the second part '
        'of training (default: 0.6 for models that have anchors by default, and after --init '
        'for those that have anchors; else 0)',
    )
    group.add_argument(
        '--self-forced-from',
        type=positive,
        metavar='STEP',
        help='step at which that part begins (default: half of --steps)',
    )


def run(args: argparse.Namespace) -> int:
    """Train what was asked for."""
    _check(args)
    if args.init is not None:
        return _train_further(args)
    train_recipe.make_episodes(args)
    if args.what != 'tokenizer' and not args.folders:
        train_recipe.check_windows(args)
    tokenizer = None if args.folders else train_recipe.trained_tokenizer(args)
    if args.what == 'tokenizer':
        print(f'checkpoints in {args.out}')
        return 0
    return _finish(args, train_recipe.trained_model(args, tokenizer), tokenizer)


def _check(args: argparse.Namespace) -> None:
    """Refuse what does not go together, and fill in what was not said: ConfigError."""
    from hma_ros.data.shards import SPLITS
    from hma_ros.export.replace import check_replaceable
    from hma_ros.training.configuration import check_variant

    args.robots = [] if args.folders else train_data.chosen_robots(args)
    homes = [root / robot.name for robot in args.robots for root in robot.roots]
    splits = [home / split for home in homes for split in SPLITS]
    check_run_folder(args.out, [*args.data, *homes, *splits, *(args.folders or ())])
    if args.init is not None:
        _check_init(args)
    chosen = {'anchor': args.anchor, 'self-forced': args.self_forced}
    check_variant(args.preset, args.kind, chosen)
    if args.anchor and args.passive:
        raise ConfigError('--anchor: got --passive as well, expected a policy; leave one out')
    if args.tokenizer is not None:
        args.tokenizer = train_recipe.tokenizer_folder(args.tokenizer)
    _complete(args)
    if args.self_forced is not None:
        train_recipe.check_self_forcing(args)
    if args.length == 1:
        raise ConfigError('--length: got 1, expected at least 2: a step and one before it')
    if args.folders and args.what != 'model':
        raise ConfigError(f'--folders: got {args.what}, expected model')
    if args.bundle is None and args.what == 'all':
        raise ConfigError(
            '--bundle: got none, expected the folder to export to; train all needs it'
        )
    if args.bundle is not None:
        check_replaceable(args.bundle)


def _train_further(args: argparse.Namespace) -> int:
    from hma_ros.cli.train_further import read_initial
    from hma_ros.training.self_forcing import SelfForcing

    initial = read_initial(args)
    if args.self_forced is None:
        args.self_forced = SelfForcing.share if initial.model.config.anchor else 0.0
    train_recipe.check_self_forcing(args)
    train_recipe.make_episodes(args)
    return _finish(args, train_recipe.further_trained_model(args, initial), initial)


def _finish(args: argparse.Namespace, model: Hma, tokenizer: train_recipe.Tokenizer | None) -> int:
    """Fit the heads, and export, as far as that was asked for."""
    if args.what == 'all' and tokenizer and model.config.keypoints:
        model = train_recipe.fine_tuned_heads(args, tokenizer)
    print(f'checkpoints in {args.out}')
    if args.bundle is not None:
        train_recipe.write_bundle(args, model, tokenizer)
    return 0


def _check_init(args: argparse.Namespace) -> None:
    """Refuse options that the model of --init determines: ConfigError."""
    if args.what == 'tokenizer':
        raise ConfigError('--init: got it with tokenizer, expected model or all')
    usual = {
        'preset': 'small',
        'kind': 'discrete',
        'compat': 'corrected',
        'passive': False,
        'tokenizer-steps': train_recipe.TOKENIZER_STEPS,
    }
    absent = ('folders', 'tokenizer', 'anchor', *train_recipe.SIZES, *train_recipe.DIFFUSION)
    for name, value in {**usual, **dict.fromkeys(absent)}.items():
        if (got := getattr(args, name.replace('-', '_'))) != value:
            raise ConfigError(
                f'--{name}: got {got} with --init, expected --init alone: the model keeps its '
                f'own; leave --{name} out'
            )


def _complete(args: argparse.Namespace) -> None:
    """Fill in what was not said: anchors and own frames for models of the shipped kind."""
    from hma_ros.training.self_forcing import SelfForcing

    is_whole = not (args.passive or args.folders)
    is_shipped = args.preset == 'small' and args.kind == 'discrete' and is_whole
    if args.anchor is None:
        args.anchor = is_shipped
    if args.self_forced is None and args.init is None:
        args.self_forced = SelfForcing.share if is_shipped else 0.0
