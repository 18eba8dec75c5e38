# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma train-paper``: train a model of the paper's family and export it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import ConfigError

if TYPE_CHECKING:
    from hma_ros.network.checkpoint import Hma
    from hma_ros.network.config import Diffusion, Domain, HmaConfig
    from hma_ros.training.paper_data import Recordings

EXAMPLES = """\
examples:
  hma train-paper discrete --out runs/disc --bundle models/paper_disc
      MaskGIT kind, on the tokens of our frame tokenizer
  hma train-paper continuous --passive --out runs/mar --bundle models/paper_mar
      MAR kind, on its latents; no action heads, so a small bundle
  hma train-paper discrete --folders data/language_table_magvit_train \\
      --objective upstream --factors 2 --factor-size 512 --width 256 --layers 32 --heads 8 \\
      --window 12 --rows 12 --action-tokens 64 --out runs/base
      the authors' sizes and objective, on their token folders

The objective `corrected` trains what the paper describes; `upstream` what the authors' code does,
departures included (docs/explanation/model.md lists them). Corrected models know time from
rotation and learn from windows longer than a row attends to, so that their context may slide for
ever; upstream's end with the window.

Run the same command again after a stop: it goes on from where it was. Losses are written to
OUT/log.jsonl, the checkpoint to OUT. Our frames need a tokenizer: `hma train tokenizer` makes one.
"""
EMBODIMENTS = ('sim_franka', 'sim_ur5e', 'sim_so101', 'sim_planar')


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``train-paper``."""
    parser = subparsers.add_parser(
        'train-paper',
        help="train a model of the paper's family, discrete or continuous",
        description="Train a model of the paper's family on several embodiments together.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('kind', choices=('discrete', 'continuous'), help='MaskGIT or MAR')
    parser.add_argument(
        '--out', type=Path, required=True, metavar='FOLDER', help='checkpoint, state and log'
    )
    parser.add_argument(
        '--bundle', type=Path, metavar='FOLDER', help='export here in the end (default: do not)'
    )
    parser.add_argument(
        '--precision', default='fp32', choices=('fp32', 'fp16', 'int8'), help='of the bundle'
    )
    parser.add_argument(
        '--objective',
        default='corrected',
        choices=('corrected', 'upstream'),
        help='what to learn (default: corrected)',
    )
    _add_data(parser)
    _add_sizes(parser)
    parser.set_defaults(run=run)


def _add_data(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('data')
    group.add_argument(
        '--data',
        type=Path,
        default=Path('data'),
        metavar='FOLDER',
        help='our episodes, FOLDER/EMBODIMENT/train (default: data)',
    )
    group.add_argument(
        '--embodiments', nargs='+', default=EMBODIMENTS, metavar='NAME', help='robots in it'
    )
    group.add_argument(
        '--tokenizer',
        type=Path,
        default=Path('runs/hma_sim/tokenizer'),
        metavar='FOLDER',
        help='checkpoint of the frame tokenizer (default: runs/hma_sim/tokenizer)',
    )
    group.add_argument(
        '--folders',
        nargs='+',
        type=Path,
        metavar='FOLDER',
        help="instead of episodes: the authors' token or latent folders",
    )


def _add_sizes(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('sizes')
    for name, default, text in (
        ('steps', 3000, 'optimiser steps'),
        ('windows', 2, 'windows of each embodiment in a step'),
        ('rows', 8, 'rows of a window'),
        ('window', 5, 'rows that a row attends to, itself included'),
        ('width', 96, 'channels of a token'),
        ('layers', 6, 'blocks of the trunk'),
        ('heads', 4, 'attention heads'),
        ('action-tokens', 4, 'tokens of the action beside those of the frame'),
        ('factors', 6, 'integers per token (discrete)'),
        ('factor-size', 8, 'values of each (discrete)'),
        ('patch', 1, 'side of a patch in latent pixels (continuous)'),
        ('head-width', 192, 'channels of the diffusion heads (continuous)'),
        ('head-blocks', 3, 'blocks of the diffusion heads (continuous)'),
        ('mask-steps', 2, 'masked passes per frame'),
    ):
        group.add_argument(
            f'--{name}', type=positive, default=default, metavar='N', help=f'{text} ({default})'
        )
    group.add_argument(
        '--passive',
        action='store_true',
        help='learn to predict frames alone, not actions',
    )


def positive(text: str) -> int:
    """Read a count; raises ArgumentTypeError of less than 1."""
    if (count := int(text)) < 1:
        raise argparse.ArgumentTypeError(f'{text}, expected at least 1')
    return count


def run(args: argparse.Namespace) -> int:
    """Train, save, and export if asked to."""
    from hma_ros.export.replace import check_replaceable
    from hma_ros.training.paper import PRECISIONS, PaperTrainer
    from hma_ros.training.paper_data import sources_of

    if args.bundle is not None:
        check_replaceable(args.bundle)
    recordings = _recordings(args)
    config = _config(args, recordings)
    trainer = PaperTrainer(config, args.out, args.steps, args.rows, args.windows)
    print(f'matrix products: {PRECISIONS[trainer.precision]}, the quicker here')
    model = trainer.train(sources_of(recordings, config, args.rows, trainer.run.step))
    print(f'checkpoint in {args.out}')
    if args.bundle is not None:
        _export(args, model)
        print(f'bundle in {args.bundle}')
    return 0


def _export(args: argparse.Namespace, model: Hma) -> None:
    """Write the bundle; one of our own episodes has the tokenizer in it, and serves its robots."""
    from hma_ros.data.row_windows import OWN_LATENT_SCALE
    from hma_ros.export.bundle import BundleOptions, export_bundle
    from hma_ros.export.robot import robot_of
    from hma_ros.network.frames import load_codec

    options = BundleOptions(precision=args.precision, mask_steps=args.mask_steps)
    if not args.folders:
        specs = [load_embodiment(name) for name in args.embodiments]
        options = replace(
            options,
            codec=load_codec(args.tokenizer, model.config, OWN_LATENT_SCALE),
            robots={spec.stem: robot_of(spec) for spec in specs},
        )
    export_bundle(model, args.bundle, options)


def _recordings(args: argparse.Namespace) -> Sequence[Recordings]:
    from hma_ros.data.episodes import EpisodeDataset, find_shards
    from hma_ros.data.token_folders import TokenFolder
    from hma_ros.network.checkpoint import load_tokenizer
    from hma_ros.training.paper_data import EpisodeRecordings, FolderRecordings

    if args.folders:
        return [FolderRecordings(TokenFolder.open(folder)) for folder in args.folders]
    tokenizer = load_tokenizer(args.tokenizer)
    cache = args.tokenizer.parent / 'tokens'
    return [
        EpisodeRecordings(
            EpisodeDataset(find_shards(args.data, name, 'train')),
            tokenizer,
            cache / f'{name}_train',
        )
        for name in args.embodiments
    ]


def _config(args: argparse.Namespace, recordings: Sequence[Recordings]) -> HmaConfig:
    from hma_ros.network.config import Compat, HmaConfig, TimePositions

    is_upstream = args.objective == 'upstream'
    domains = tuple(item.domain for item in recordings)
    _check_names(domains)
    if is_upstream and args.rows > args.window:
        raise ConfigError(
            f'--rows: {args.rows}, expected at most {args.window} as --window says, where learned '
            'positions end'
        )
    try:
        return HmaConfig(
            layers=args.layers,
            heads=args.heads,
            width=args.width,
            rows=args.window,
            positions=recordings[0].image_pixels,
            action_tokens=args.action_tokens,
            factors=args.factors,
            factor_size=args.factor_size,
            predict_actions=not args.passive,
            domains=domains,
            diffusion=_diffusion(args, recordings[0].channels),
            compat=Compat(args.objective),
            time=TimePositions.LEARNED if is_upstream else TimePositions.ROTARY,
        )
    except ValueError as error:
        field, _, text = str(error).partition(':')
        option = {'rows': 'window'}.get(field, field).replace('_', '-')
        raise ConfigError(f'--{option}:{text}') from error


def _diffusion(args: argparse.Namespace, channels: int) -> Diffusion | None:
    from hma_ros.network.config import Diffusion

    if args.kind == 'discrete':
        return None
    return Diffusion(
        patch=args.patch,
        latent_channels=channels,
        width=args.head_width,
        blocks=args.head_blocks,
        steps=100,
        mask_steps=args.mask_steps,
    )


def _check_names(domains: Sequence[Domain]) -> None:
    names = [domain.name for domain in domains]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f'embodiments: {twice[0]} twice, expected a stem or domain of its own')
