# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma train``: from simulated robots to a bundle, in resumable steps."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import ConfigError

if TYPE_CHECKING:
    from hma_ros.data.episodes import EpisodeDataset
    from hma_ros.data.windows import TokenEpisode
    from hma_ros.network.config import Domain
    from hma_ros.network.discrete import DiscreteHma
    from hma_ros.network.tokenizer import FrameTokenizer
    from hma_ros.training.heads import HeadFitter

EXAMPLES = """\
examples:
  hma train all --out runs/hma_sim --bundle models/hma_sim   what the shipped bundle was made with
  hma train tokenizer --data data --out runs/mine            only the frame tokenizer
  hma train model --data data --out runs/mine --steps 2000   only stems, trunk and heads

Run the same command again after a stop: episodes, tokenizer and model go on from where they were;
fits of the heads begin again.
Losses are written to OUT/tokenizer/log.jsonl and OUT/model/log.jsonl.
"""
EMBODIMENTS = ('sim_franka', 'sim_ur5e', 'sim_so101', 'sim_planar')
EPISODES = {'expert': 700, 'play': 220, 'random': 180}
HELD_OUT = {'expert': 39, 'play': 12, 'random': 9}
# Rounds in which the policy acts and is corrected, and episodes of each robot in a round.
ROUNDS = 3
ROUND_EPISODES = 120
# Steps of each action head on the features of the finished trunk, before a round and at the end.
ROUND_STEPS = 1500
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
        default=2400,
        metavar='N',
        help='optimiser steps of the model (default: 2400)',
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
    """Generate, train the tokenizer, then HMA, then its heads in rounds of correction; export."""
    from hma_ros.export.bundle import export_bundle, own_options
    from hma_ros.export.replace import check_replaceable

    if args.bundle is None:
        raise ConfigError('--bundle: missing, expected the folder to export to')
    check_replaceable(args.bundle)
    _generate(args)
    tokenizer = _tokenizer(args)
    _model(args, tokenizer)
    model = _heads(args, tokenizer)
    export_bundle(model, args.bundle, own_options(tokenizer, model.config))
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

    datasets = [_dataset(args, name, 'train') for name in args.embodiments]
    return train_tokenizer(datasets, args.out / 'tokenizer', args.tokenizer_steps)


def _model(args: argparse.Namespace, tokenizer: FrameTokenizer) -> None:
    from hma_ros.training.hma import HmaTrainer, standardise_states

    trainer = HmaTrainer(_domains(args), args.out / 'model', args.steps)
    episodes = {
        load_embodiment(name).stem: standardise_states(_tokens(args, name, 'train', tokenizer))
        for name in args.embodiments
    }
    if trainer.run.step < args.steps:
        # Heads fitted to another trunk must not be exported with this one.
        shutil.rmtree(args.out / 'refitted', ignore_errors=True)
    trainer.train(episodes)


def _heads(args: argparse.Namespace, tokenizer: FrameTokenizer) -> DiscreteHma:
    """Fit the heads to what the trunk sees, round after round of the policy being corrected."""
    from hma_ros.network.checkpoint import load_hma, save_hma
    from hma_ros.training.heads import HeadFitter

    model = cast('DiscreteHma', load_hma(args.out / 'model'))
    fitter = HeadFitter(model)
    _add(args, fitter, 'train', tokenizer)
    for number in range(1, ROUNDS + 1):
        split = f'round_{number}'
        if any(_missing(args, name, split) for name in args.embodiments):
            _fit(args, fitter, ROUND_STEPS)
            _correct(args, model, tokenizer, number)
        _add(args, fitter, split, tokenizer)
    _fit(args, fitter, HEAD_STEPS)
    save_hma(model, args.out / 'refitted')
    return model


def _add(
    args: argparse.Namespace, fitter: HeadFitter, split: str, tokenizer: FrameTokenizer
) -> None:
    for name in args.embodiments:
        fitter.add(load_embodiment(name).stem, _tokens(args, name, split, tokenizer))


def _fit(args: argparse.Namespace, fitter: HeadFitter, steps: int) -> None:
    for name in args.embodiments:
        error = fitter.fit(load_embodiment(name).stem, steps)
        print(f'{name}: head error {error:.3f} deviations')


def _correct(
    args: argparse.Namespace, model: DiscreteHma, tokenizer: FrameTokenizer, number: int
) -> None:
    """Let the policy act in the simulator, and record the expert's corrections."""
    from hma_ros.evaluation.closed_loop import collect
    from hma_ros.export.bundle import export_bundle, own_options

    options = own_options(tokenizer, model.config)
    bundle = export_bundle(model, args.out / 'bundle', options)
    split = f'round_{number}'
    for name in args.embodiments:
        if _missing(args, name, split):
            folder = _root(args, split) / name / split / 'shard_00'
            rate = collect(name, bundle, folder, ROUND_EPISODES, number, workers=args.workers)
            print(f'{name}: round {number}, the policy succeeds in {rate:.0%}')


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


def _domains(args: argparse.Namespace) -> list[Domain]:
    from hma_ros.training.hma import domain_of

    return [domain_of(_dataset(args, name, 'train')) for name in args.embodiments]


def _tokens(
    args: argparse.Namespace, name: str, split: str, tokenizer: FrameTokenizer
) -> list[TokenEpisode]:
    from hma_ros.training.hma import tokenise_once

    cache = args.out / 'tokens' / f'{name}_{split}'
    return tokenise_once(tokenizer, _dataset(args, name, split), cache)


def _dataset(args: argparse.Namespace, name: str, split: str) -> EpisodeDataset:
    from hma_ros.data.episodes import EpisodeDataset, find_shards

    return EpisodeDataset(find_shards(_root(args, split), name, split))


def _missing(args: argparse.Namespace, name: str, split: str) -> bool:
    return not list((_root(args, split) / name / split).glob('**/metadata.json'))


def _root(args: argparse.Namespace, split: str) -> Path:
    """Return where episodes are: rounds of correction belong to the run whose policy acted."""
    root: Path = args.out / 'rounds' if split.startswith('round_') else args.data
    return root
