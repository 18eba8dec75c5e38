# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma train``: from simulated robots to a bundle, in resumable steps."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import ConfigError

if TYPE_CHECKING:
    from hma_ros.data.episodes import EpisodeDataset
    from hma_ros.data.windows import TokenEpisode
    from hma_ros.network.hma import StemConfig
    from hma_ros.network.tokenizer import FrameTokenizer

EXAMPLES = """\
examples:
  hma train all --out runs/hma_sim --bundle models/hma_sim   what the shipped bundle was made with
  hma train tokenizer --data data --out runs/mine            only the frame tokenizer
  hma train model --data data --out runs/mine --steps 2000   only stems, trunk and heads

Every step goes on from where it was stopped: run the same command again.
Losses are written to OUT/tokenizer/log.jsonl and OUT/model/log.jsonl.
"""
EMBODIMENTS = ('sim_franka', 'sim_ur5e', 'sim_so101', 'sim_planar')
EPISODES = {'expert': 700, 'play': 220, 'random': 180}
HELD_OUT = {'expert': 39, 'play': 12, 'random': 9}
# Shares of the run after which the policy acts and is corrected, and episodes for each robot.
ROUNDS = (0.3,)
ROUND_EPISODES = 90
# Steps of each action head on the features of the finished trunk.
HEAD_STEPS = 4000


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``train``."""
    parser = subparsers.add_parser(
        'train',
        help='train the frame tokenizer and HMA on episodes',
        description='Train the frame tokenizer and HMA on episodes of several robots.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('what', choices=('tokenizer', 'model', 'all'), help='what to train')
    parser.add_argument(
        '--data',
        type=Path,
        default=Path('data'),
        metavar='FOLDER',
        help='episodes, FOLDER/EMBODIMENT/SPLIT (default: data)',
    )
    parser.add_argument(
        '--out', type=Path, required=True, metavar='FOLDER', help='checkpoints, logs and state'
    )
    parser.add_argument(
        '--bundle', type=Path, metavar='FOLDER', help='export here in the end (needed by all)'
    )
    parser.add_argument(
        '--embodiments',
        nargs='+',
        default=EMBODIMENTS,
        metavar='NAME',
        help='robots to train on together (default: the four simulated ones)',
    )
    parser.add_argument(
        '--tokenizer-steps',
        type=int,
        default=2600,
        metavar='N',
        help='optimiser steps of the tokenizer (default: 2600)',
    )
    parser.add_argument(
        '--steps',
        type=int,
        default=3000,
        metavar='N',
        help='optimiser steps of the model (default: 3000)',
    )
    parser.add_argument('--workers', type=int, default=2, help='processes (default: 2)')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train what was asked for."""
    _check_stems(args.embodiments)
    if args.what == 'all':
        return _all(args)
    if args.what == 'tokenizer':
        _tokenizer(args)
    else:
        _model(args, _tokenizer(args))
    print(f'checkpoints in {args.out}')
    return 0


def _all(args: argparse.Namespace) -> int:
    """Generate, train the tokenizer, then HMA with rounds of correction, and export."""
    if args.bundle is None:
        raise ConfigError('--bundle: missing, expected the folder to export to')
    _generate(args)
    tokenizer = _tokenizer(args)
    for number, share in enumerate(ROUNDS, 1):
        if any(_missing(args, name, f'round_{number}') for name in args.embodiments):
            _model(args, tokenizer, until=int(share * args.steps))
            _correct(args, tokenizer, number)
    _model(args, tokenizer)
    _refit(args, tokenizer)
    _export('refitted', args, tokenizer, args.bundle)
    print(f'bundle in {args.bundle}')
    return 0


def _generate(args: argparse.Namespace) -> None:
    from hma_ros.sim.generate import generate

    for name in args.embodiments:
        for split, counts in (('train', EPISODES), ('val', HELD_OUT)):
            if _missing(args, name, split):
                generate(name, args.data / name, counts, workers=args.workers, split=split)


def _tokenizer(args: argparse.Namespace) -> FrameTokenizer:
    from hma_ros.training.tokenizer import train_tokenizer

    datasets = [_dataset(args, name, ('train',)) for name in args.embodiments]
    return train_tokenizer(datasets, args.out / 'tokenizer', args.tokenizer_steps)


def _model(args: argparse.Namespace, tokenizer: FrameTokenizer, until: int | None = None) -> None:
    from hma_ros.training.hma import HmaTrainer

    trainer = HmaTrainer(_stems(args), args.out / 'model', args.steps)
    trainer.train(
        {load_embodiment(name).stem: _tokens(args, name, tokenizer) for name in args.embodiments},
        until,
    )


def _correct(args: argparse.Namespace, tokenizer: FrameTokenizer, number: int) -> None:
    """Let the policy act in the simulator and record the expert's corrections."""
    from hma_ros.evaluation.closed_loop import collect

    bundle = _export('model', args, tokenizer, args.out / 'bundle')
    for name in args.embodiments:
        if _missing(args, name, f'round_{number}'):
            folder = args.data / name / f'round_{number}' / 'shard_00'
            rate = collect(name, bundle, folder, ROUND_EPISODES, number, workers=args.workers)
            print(f'{name}: round {number}, the policy succeeds in {rate:.0%}')


def _refit(args: argparse.Namespace, tokenizer: FrameTokenizer) -> None:
    """Correct the finished policy once more, and fit its heads to all that was gathered."""
    from hma_ros.network.checkpoint import load_hma, save_checkpoint
    from hma_ros.training.heads import refit_head

    _correct(args, tokenizer, len(ROUNDS) + 1)
    model = load_hma(args.out / 'model')
    for name in args.embodiments:
        tokens = _tokens(args, name, tokenizer)
        refit_head(model, load_embodiment(name).stem, tokens, HEAD_STEPS)
    save_checkpoint(model, args.out / 'refitted')


def _export(
    checkpoint: str, args: argparse.Namespace, tokenizer: FrameTokenizer, folder: Path
) -> Path:
    from hma_ros.cli.export import export

    return export(args.out / checkpoint, tokenizer, folder)


def _check_stems(names: Sequence[str]) -> None:
    """Refuse two embodiments of one stem: their episodes would overwrite each other."""
    stems: dict[str, str] = {}
    for name in names:
        stem = load_embodiment(name).stem
        if stem in stems:
            raise ConfigError(
                f'--embodiments: {name} has the stem {stem!r} of {stems[stem]}, expected a stem '
                'of its own; give one of them another name in its embodiment file'
            )
        stems[stem] = name


def _stems(args: argparse.Namespace) -> list[StemConfig]:
    from hma_ros.training.hma import stem_config

    return [stem_config(_dataset(args, name, ('train',))) for name in args.embodiments]


def _tokens(args: argparse.Namespace, name: str, tokenizer: FrameTokenizer) -> list[TokenEpisode]:
    from hma_ros.training.hma import standardise_states, tokenise_once

    episodes: list[TokenEpisode] = []
    for split in _splits(args, name):
        cache = args.out / 'tokens' / f'{name}_{split}'
        episodes += tokenise_once(tokenizer, _dataset(args, name, (split,)), cache)
    return standardise_states(episodes)


def _dataset(args: argparse.Namespace, name: str, splits: Sequence[str]) -> EpisodeDataset:
    from hma_ros.data.episodes import EpisodeDataset, find_shards

    return EpisodeDataset(
        [path for split in splits for path in find_shards(args.data, name, split)]
    )


def _splits(args: argparse.Namespace, name: str) -> list[str]:
    rounds = sorted(path.name for path in (args.data / name).glob('round_*'))
    return ['train', *(split for split in rounds if not _missing(args, name, split))]


def _missing(args: argparse.Namespace, name: str, split: str) -> bool:
    return not list((args.data / name / split).glob('**/metadata.json'))
