# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma train``: from episodes to a bundle, in resumable steps."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import ConfigError

if TYPE_CHECKING:
    from hma_ros.data.episodes import EpisodeDataset
    from hma_ros.data.windows import TokenEpisode
    from hma_ros.network.checkpoint import Hma
    from hma_ros.network.config import HmaConfig
    from hma_ros.network.discrete import DiscreteHma
    from hma_ros.network.tokenizer import FrameTokenizer
    from hma_ros.training.heads import HeadFitter
    from hma_ros.training.recordings import Recordings

EXAMPLES = """\
examples:
  hma train all --out runs/hma_sim --bundle models/hma_sim   what the shipped bundle was made with
  hma train tokenizer --data data --out runs/mine            only the frame tokenizer
  hma train model --data data --out runs/mine --steps 2000   only stems, trunk and heads
  hma train model --kind continuous --passive --tokenizer runs/mine/tokenizer --out runs/mar
      diffusion instead of tokens (MAR); no action heads, so a small bundle
  hma train model --preset base --compat upstream --folders data/language_table_magvit_train \\
      --out runs/base
      the authors' sizes and objective, on their token folders

Run the same command again after a stop: episodes, tokenizer and model go on from where they were;
fits of the heads begin again.
Losses are written to OUT/tokenizer/log.jsonl and OUT/model/log.jsonl.
"""
EMBODIMENTS = ('sim_franka', 'sim_ur5e', 'sim_so101', 'sim_planar')
EPISODES = {'expert': 700, 'play': 220, 'random': 180}
HELD_OUT = {'expert': 39, 'play': 12, 'random': 9}
# DAgger iterations, and episodes of each robot in one.
ITERATIONS = 3
ITERATION_EPISODES = 120
# Steps of each action head on the features of the trunk, before an iteration and at the end.
ITERATION_STEPS = 1500
HEAD_STEPS = 4000
# Options by the field of the configuration that they set, and what it is.
SIZES = {
    'layers': 'blocks of the trunk',
    'heads': 'attention heads',
    'width': 'channels of a token',
    'window': 'steps that a step attends to, itself included',
    'action-tokens': 'tokens of the action beside those of the frame',
    'factors': 'integers per token, of --folders (discrete)',
}
DIFFUSION = {
    'patch': 'side of a patch in latent pixels (continuous)',
    'head-width': 'channels of the diffusion heads (continuous)',
    'head-blocks': 'blocks of the diffusion heads (continuous)',
}
# Options that are named otherwise than the field.
FIELDS = {'head-width': 'width', 'head-blocks': 'blocks'}


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
        '--out', type=Path, required=True, metavar='FOLDER', help='checkpoints, logs and state'
    )
    parser.add_argument(
        '--bundle', type=Path, metavar='FOLDER', help='export here in the end (needed by all)'
    )
    _add_data(parser)
    _add_model(parser)
    _add_run(parser)
    parser.set_defaults(run=run)


def _add_data(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('data')
    group.add_argument(
        '--data',
        type=Path,
        default=Path('data'),
        metavar='FOLDER',
        help='episodes, FOLDER/EMBODIMENT/SPLIT (default: data)',
    )
    group.add_argument(
        '--embodiments',
        nargs='+',
        default=EMBODIMENTS,
        metavar='NAME',
        help='robots to train on together (default: the four simulated ones)',
    )
    group.add_argument(
        '--folders',
        nargs='+',
        type=Path,
        metavar='FOLDER',
        help="instead of episodes, for model: the authors' token or latent folders",
    )
    group.add_argument(
        '--tokenizer',
        type=Path,
        metavar='FOLDER',
        help='checkpoint of a frame tokenizer (default: train one in OUT/tokenizer)',
    )


def _add_model(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('model')
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
        help="upstream learns what the authors' code does, departures included (default: "
        'corrected; docs/explanation/model.md lists the differences)',
    )
    text = 'learn to predict frames alone, not actions'
    group.add_argument('--passive', action='store_true', help=text)
    text = 'the stem also reads where actions led: joints, or tool position (preset small)'
    group.add_argument('--anchor', action='store_true', help=text)
    for name, text in {**SIZES, **DIFFUSION}.items():
        group.add_argument(
            f'--{name}', type=positive, metavar='N', help=f'{text} (default: of the preset)'
        )


def _add_run(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('run')
    for name, default, text in (
        ('tokenizer-steps', 2600, 'optimiser steps of the tokenizer'),
        ('steps', 2400, 'optimiser steps of the model'),
        ('windows', 8, 'windows of each embodiment in a step'),
        ('workers', 2, 'processes that make episodes'),
    ):
        group.add_argument(
            f'--{name}', type=positive, default=default, metavar='N', help=f'{text} ({default})'
        )
    group.add_argument(
        '--length',
        type=positive,
        metavar='N',
        help='steps of a training window (default: as many as a step attends to; half as many '
        'again where the context slides and steps are not doubled)',
    )
    group.add_argument(
        '--self-forced',
        type=float,
        default=0.0,
        metavar='SHARE',
        help='share of windows that go on from frames the model imagined itself (preset small; '
        'default: 0; train without first, then go on in the same folder with 0.6 and more steps)',
    )


def positive(text: str) -> int:
    """Read a count; raises ArgumentTypeError of less than 1."""
    if (count := int(text)) < 1:
        raise argparse.ArgumentTypeError(f'{text}, expected at least 1')
    return count


def run(args: argparse.Namespace) -> int:
    """Train what was asked for."""
    from hma_ros.export.replace import check_replaceable
    from hma_ros.training.configuration import check_variant
    from hma_ros.training.self_forcing import SelfForcing

    check_variant(args.preset, {'anchor': args.anchor, 'self-forced': args.self_forced})
    SelfForcing(share=args.self_forced).windows(args.windows)  # checks itself
    if args.folders and args.what != 'model':
        raise ConfigError(f'--folders: got {args.what}, expected model')
    if args.bundle is None and args.what == 'all':
        raise ConfigError('train all: expected --bundle, the folder to export to')
    if args.bundle is not None:
        check_replaceable(args.bundle)
    if not args.folders:
        _check_stems(args.embodiments)
    if args.what == 'all':
        _generate(args)
    tokenizer = None if args.folders else _tokenizer(args)
    if args.what == 'tokenizer':
        print(f'checkpoints in {args.out}')
        return 0
    model = _model(args, tokenizer)
    if args.what == 'all' and tokenizer and model.config.keypoints:
        model = _heads(args, tokenizer)
    print(f'checkpoints in {args.out}')
    if args.bundle is not None:
        _export(args, model, tokenizer)
    return 0


def _generate(args: argparse.Namespace) -> None:
    from hma_ros.sim.generate import generate

    for name in args.embodiments:
        for split, counts in (('train', EPISODES), ('val', HELD_OUT)):
            if _missing(args, name, split):
                generate(name, args.data / name, counts, workers=args.workers, split=split)


def _tokenizer(args: argparse.Namespace) -> FrameTokenizer:
    """Train a tokenizer, or take one that was trained along with the run."""
    from hma_ros.network.checkpoint import load_tokenizer, save_tokenizer
    from hma_ros.training.tokenizer import train_tokenizer

    folder = args.out / 'tokenizer'
    if args.tokenizer is None:
        datasets = [_dataset(args, name, 'train') for name in args.embodiments]
        return train_tokenizer(datasets, folder, args.tokenizer_steps)
    tokenizer = load_tokenizer(args.tokenizer)
    save_tokenizer(tokenizer, folder)
    return tokenizer


def _model(args: argparse.Namespace, tokenizer: FrameTokenizer | None) -> Hma:
    from hma_ros.training.configuration import default_length
    from hma_ros.training.recordings import windows_of
    from hma_ros.training.self_forcing import SelfForcing
    from hma_ros.training.trainer import PRECISIONS, HmaTrainer

    recordings = _recordings(args, tokenizer)
    config = _config(args, recordings)
    length = args.length or default_length(config)
    forcing = SelfForcing(share=args.self_forced)
    trainer = HmaTrainer(
        config, args.out / 'model', args.steps, length, args.windows, self_forcing=forcing
    )
    print(f'matrix products: {PRECISIONS[trainer.precision]}, the quicker here')
    if trainer.run.step < args.steps:
        # Heads fitted to another trunk must not be exported with this one.
        shutil.rmtree(args.out / 'fine_tuned', ignore_errors=True)
    return trainer.train(windows_of(recordings, config, length))


def _recordings(
    args: argparse.Namespace, tokenizer: FrameTokenizer | None
) -> Sequence[Recordings]:
    from hma_ros.data.token_folders import TokenFolder
    from hma_ros.training.recordings import EpisodeRecordings, FolderRecordings

    if tokenizer is None:
        return [FolderRecordings(TokenFolder.open(folder)) for folder in args.folders]
    return [
        EpisodeRecordings(_dataset(args, name, 'train'), tokenizer, _cache(args, name, 'train'))
        for name in args.embodiments
    ]


def _config(args: argparse.Namespace, recordings: Sequence[Recordings]) -> HmaConfig:
    from hma_ros.network.config import Compat
    from hma_ros.training.configuration import configuration

    changes = _changes(args, SIZES)
    if args.passive:
        changes['predict_actions'] = False
    if args.anchor:
        changes['anchor'] = True
    compat, diffusion = Compat(args.compat), _changes(args, DIFFUSION)
    try:
        return configuration(recordings, args.preset, args.kind, compat, changes, diffusion)
    except ValueError as error:
        field, _, text = str(error).partition(':')
        options = {field: option for option, field in FIELDS.items()}
        raise ConfigError(f'--{options.get(field, field).replace("_", "-")}:{text}') from error


def _changes(args: argparse.Namespace, options: dict[str, str]) -> dict[str, Any]:
    """Return the fields that were set, by their names in the configuration."""
    found = {name: getattr(args, name.replace('-', '_')) for name in options}
    return {
        FIELDS.get(name, name).replace('-', '_'): value
        for name, value in found.items()
        if value is not None
    }


def _heads(args: argparse.Namespace, tokenizer: FrameTokenizer) -> DiscreteHma:
    """Fit the heads to what the trunk sees, in iterations of DAgger."""
    from hma_ros.network.checkpoint import load_hma, save_hma
    from hma_ros.training.heads import HeadFitter

    model = cast('DiscreteHma', load_hma(args.out / 'model'))
    fitter = HeadFitter(model)
    _add(args, fitter, 'train', tokenizer)
    for number in range(1, ITERATIONS + 1):
        split = f'iteration_{number}'
        if any(_missing(args, name, split) for name in args.embodiments):
            _fit(args, fitter, ITERATION_STEPS)
            _correct(args, model, tokenizer, number)
        _add(args, fitter, split, tokenizer)
    _fit(args, fitter, HEAD_STEPS)
    save_hma(model, args.out / 'fine_tuned')
    return model


def _add(
    args: argparse.Namespace, fitter: HeadFitter, split: str, tokenizer: FrameTokenizer
) -> None:
    for name in args.embodiments:
        fitter.add(load_embodiment(name).stem, _tokens(args, name, split, tokenizer))


def _fit(args: argparse.Namespace, fitter: HeadFitter, steps: int) -> None:
    for name in args.embodiments:
        error = fitter.fit(load_embodiment(name).stem, steps)
        print(f'{name}: head error {error:.3f} standard deviations')


def _correct(
    args: argparse.Namespace, model: DiscreteHma, tokenizer: FrameTokenizer, number: int
) -> None:
    """Let the policy act in the simulator, and record the expert's corrections."""
    from hma_ros.evaluation.closed_loop import collect
    from hma_ros.export.bundle import export_bundle, own_options

    options = own_options(tokenizer, model.config)
    bundle = export_bundle(model, args.out / 'bundle', options)
    split = f'iteration_{number}'
    for name in args.embodiments:
        if _missing(args, name, split):
            folder = _root(args, split) / name / split / 'shard_00'
            rate = collect(name, bundle, folder, ITERATION_EPISODES, number, workers=args.workers)
            print(f'{name}: DAgger iteration {number}, the policy succeeds in {rate:.0%}')


def _export(args: argparse.Namespace, model: Hma, tokenizer: FrameTokenizer | None) -> None:
    """Write the bundle; what was trained on token folders takes and gives tokens alone."""
    from hma_ros.export.bundle import BundleOptions, export_bundle, own_options

    options = BundleOptions() if tokenizer is None else own_options(tokenizer, model.config)
    export_bundle(model, args.bundle, options)
    print(f'bundle in {args.bundle}')


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


def _tokens(
    args: argparse.Namespace, name: str, split: str, tokenizer: FrameTokenizer
) -> list[TokenEpisode]:
    from hma_ros.training.recordings import with_anchors
    from hma_ros.training.tokens import tokens_once

    dataset = _dataset(args, name, split)
    episodes = tokens_once(tokenizer, dataset, _cache(args, name, split))
    return with_anchors(episodes, dataset) if args.anchor else episodes


def _cache(args: argparse.Namespace, name: str, split: str) -> Path:
    """Return where tokens are kept: beside the tokenizer, or with the run for its episodes."""
    is_own = args.tokenizer is None or split != 'train'
    folder: Path = args.out if is_own else args.tokenizer.parent
    return folder / 'tokens' / f'{name}_{split}'


def _dataset(args: argparse.Namespace, name: str, split: str) -> EpisodeDataset:
    from hma_ros.data.episodes import EpisodeDataset, find_shards

    return EpisodeDataset(find_shards(_root(args, split), name, split))


def _missing(args: argparse.Namespace, name: str, split: str) -> bool:
    return not list((_root(args, split) / name / split).glob('**/metadata.json'))


def _root(args: argparse.Namespace, split: str) -> Path:
    """Return where episodes are: iterations of DAgger belong to the run whose policy acted."""
    root: Path = args.out / 'dagger' if split.startswith('iteration_') else args.data
    return root
