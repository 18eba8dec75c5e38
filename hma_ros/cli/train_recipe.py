# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The recipe of the shipped bundle: the steps of ``hma train all``, each of which resumes."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hma_ros.cli.interruption import tidy_when_ended
from hma_ros.cli.train_data import Robot, facts_of, prepare_episodes, tell
from hma_ros.cli.window_length import check_length
from hma_ros.core.errors import BundleError, ConfigError

if TYPE_CHECKING:
    from hma_ros.data.windows import TokenEpisode
    from hma_ros.export.bundle import BundleOptions
    from hma_ros.export.pretrained import Pretrained
    from hma_ros.network.checkpoint import Hma
    from hma_ros.network.config import HmaConfig
    from hma_ros.network.discrete import DiscreteHma
    from hma_ros.network.tokenizer import FrameTokenizer
    from hma_ros.training.recordings import Recordings

    # One that was trained here, or that of the model of --init.
    Tokenizer = FrameTokenizer | Pretrained

# Of each robot.
EPISODES = {'expert': 230, 'play': 120, 'random': 60}
TOKENIZER_STEPS = 4400
STEPS = 4500
WINDOWS = 6
# Of imagined tokens, which the bundle of a model trained on its own frames recommends.
TEMPERATURE = 0.5
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


def make_episodes(args: argparse.Namespace) -> None:
    """Make the episodes that are missing, see :func:`prepare_episodes`."""
    prepare_episodes(args, EPISODES)


def trained_tokenizer(args: argparse.Namespace) -> FrameTokenizer:
    """Train a frame tokenizer, or read a trained one from a checkpoint or a bundle."""
    from hma_ros.export.bundle_tokenizer import read_bundle_tokenizer
    from hma_ros.network.checkpoint import load_tokenizer, save_tokenizer
    from hma_ros.runtime.manifest_file import FILE_NAME
    from hma_ros.training.tokenizer import train_tokenizer

    folder = args.out / 'tokenizer'
    if args.tokenizer is None:
        tell(args.robots, every=True)
        _begin_tokenizer(args, folder)
        datasets = [robot.recordings for robot in args.robots]
        return train_tokenizer(datasets, folder, args.tokenizer_steps)
    is_bundle = (args.tokenizer / FILE_NAME).is_file()
    tokenizer = (read_bundle_tokenizer if is_bundle else load_tokenizer)(args.tokenizer)
    if args.tokenizer.resolve() != folder.resolve():
        save_tokenizer(tokenizer, folder)
        _take_provenance(args.tokenizer, folder)
    if is_bundle:
        # Tokens are kept beside the copy, not in the bundle.
        args.tokenizer = folder
    return tokenizer


def _begin_tokenizer(args: argparse.Namespace, folder: Path) -> None:
    """Say what it learns from; refuse to go on with other frames: ConfigError."""
    from hma_ros.training.provenance import begin

    try:
        begin(folder, {'data': facts_of(args.robots, every=True)}, {})
    except ConfigError as error:
        raise ConfigError(f'{error}; --tokenizer {folder} keeps that tokenizer') from error


def _take_provenance(source: Path, folder: Path) -> None:
    """Keep what a copied tokenizer was trained on, if that is known."""
    from hma_ros.training.provenance import FILE_NAME

    (folder / FILE_NAME).unlink(missing_ok=True)
    if (source / FILE_NAME).is_file():
        shutil.copy(source / FILE_NAME, folder / FILE_NAME)


def check_windows(args: argparse.Namespace, length: int | None = None) -> None:
    """
    Refuse windows that the episodes of a robot cannot fill: ConfigError.

    :param length: steps of a window; None, before the model is configured, for the least that
        the options leave.
    """
    from hma_ros.network.config import CONTINUOUS_PRESETS, PRESETS

    presets = PRESETS if args.kind == 'discrete' else CONTINUOUS_PRESETS
    window: int = args.window or presets[args.preset]['window']
    option = '--window' if args.window and args.length is None else '--length'
    for robot in args.robots:
        check_length(length or args.length or window, robot.where, robot.demonstrations, option)
    if length is not None and length < window:
        print(
            f'--length: got {length}, less than the window of {window} steps: the model will '
            'attend to more steps than it was trained on'
        )


def tokenizer_folder(text: str) -> Path:
    """Find a frame tokenizer: a folder, or the name of a bundle; ConfigError if there is none."""
    from hma_ros.bringup.places import folder_or_bundle

    try:
        return folder_or_bundle(text)
    except BundleError as error:
        raise ConfigError(
            f'--tokenizer: got {text!r}, expected the folder `tokenizer` of a training run, a '
            'bundle, or the name of one'
        ) from error


def trained_model(args: argparse.Namespace, tokenizer: FrameTokenizer | None) -> Hma:
    """Train on true frames, then on frames the model imagined itself too."""
    from hma_ros.network.strict_loading import fingerprint
    from hma_ros.training import provenance, session
    from hma_ros.training.configuration import default_length
    from hma_ros.training.recordings import windows_of
    from hma_ros.training.self_forcing import SelfForcing
    from hma_ros.training.trainer import HmaTrainer

    recordings = _recordings(args, tokenizer)
    config = _config(args, recordings)
    length = args.length or default_length(config)
    if not args.folders:
        check_windows(args, length)
    tell(args.robots, every=False)
    of_frames = {} if tokenizer is None else {'tokenizer': fingerprint(tokenizer)}
    provenance.begin(args.out, {'data': _data_facts(args), **of_frames}, {})
    forcing = SelfForcing(share=args.self_forced, begins=self_forced_from(args))
    trainer = HmaTrainer(
        config, args.out / 'model', args.steps, length, args.windows, self_forcing=forcing
    )
    print(*trainer.notes, sep='\n')
    return session.train(args.out, trainer, lambda: windows_of(recordings, config, length))


def _data_facts(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Say what the model learns from: episodes, or folders of the authors."""
    if args.folders:
        return [{'folder': str(folder)} for folder in args.folders]
    return facts_of(args.robots, every=False)


def further_trained_model(args: argparse.Namespace, initial: Pretrained) -> Hma:
    """Continue training a model, on true frames, then on frames it imagined itself too."""
    from hma_ros.cli.train_further import train_further

    tell(args.robots, every=False)
    return train_further(args, initial, self_forced_from(args))


def check_self_forcing(args: argparse.Namespace) -> None:
    """Refuse a share, or a begin, that makes no windows: ConfigError."""
    from hma_ros.training.self_forcing import SelfForcing

    SelfForcing(share=args.self_forced).windows(args.windows)
    self_forced_from(args)


def self_forced_from(args: argparse.Namespace) -> int:
    """
    Return the step from which on windows go on from frames the model imagined itself.

    :raises ConfigError: none would.
    """
    begin: int | None = args.self_forced_from
    if begin is not None and not (args.self_forced and begin < args.steps):
        raise ConfigError(
            f'--self-forced-from: got {begin}, expected less than the {args.steps} --steps, and '
            'a share with --self-forced'
        )
    return args.steps // 2 if begin is None else begin


def fine_tuned_heads(args: argparse.Namespace, tokenizer: Tokenizer) -> DiscreteHma:
    """Fit the heads to what the trunk sees; where the simulator has an expert, with DAgger."""
    from hma_ros.network.checkpoint import load_hma
    from hma_ros.training.heads import HeadFitter
    from hma_ros.training.session import save_fitted

    model = cast('DiscreteHma', load_hma(args.out / 'model'))
    if acting := _acting(args):
        _correct_heads(args, model, tokenizer, acting)
    for robot in args.robots:
        if robot not in acting:
            fitter = HeadFitter(model)
            fitter.add(robot.stem, _tokens(args, robot, tokenizer))
            _report(robot.stem, fitter.fit(robot.stem, HEAD_STEPS))
    save_fitted(args.out, model)
    return model


def _acting(args: argparse.Namespace) -> list[Robot]:
    return [robot for robot in args.robots if robot.acts_in_simulator]


def _report(stem: str, error: float) -> None:
    print(f'{stem}: head error {error:.3f}, normalized')


def _correct_heads(
    args: argparse.Namespace, model: DiscreteHma, tokenizer: Tokenizer, acting: Sequence[Robot]
) -> None:
    """Fit the heads of simulated robots, in iterations of DAgger."""
    from hma_ros.training.dagger import Schedule, fit_heads

    robots = {robot.stem: robot for robot in acting}
    fit_heads(
        model,
        list(robots),
        Schedule(ITERATIONS, ITERATION_STEPS, HEAD_STEPS),
        tokens=lambda stem, split: _tokens(args, robots[stem], tokenizer, split),
        is_recorded=lambda split: not any(_missing(args, robot, split) for robot in acting),
        record=lambda iteration: _correct(args, model, tokenizer, iteration),
        report=_report,
    )


def write_bundle(args: argparse.Namespace, model: Hma, tokenizer: Tokenizer | None) -> None:
    """Write the bundle; what was trained on token folders takes and gives tokens alone."""
    from hma_ros.export.bundle import BundleOptions, export_bundle
    from hma_ros.export.pretrained import Pretrained

    options = BundleOptions() if tokenizer is None else _options(tokenizer, model.config)
    if args.self_forced:
        options = replace(options, temperature=TEMPERATURE)
    if isinstance(tokenizer, Pretrained):
        # As the bundle of --init.
        options = options.recommending(tokenizer.decoding)
    options = replace(options, checkpoint=args.torch)
    with tidy_when_ended():
        export_bundle(model, args.bundle, options)
    print(f'bundle in {args.bundle}')


def _options(tokenizer: Tokenizer, config: HmaConfig) -> BundleOptions:
    from hma_ros.export.bundle import codec_options, own_options
    from hma_ros.export.pretrained import Pretrained

    if isinstance(tokenizer, Pretrained):
        return codec_options(tokenizer.codec, config)
    return own_options(tokenizer, config)


def _recordings(
    args: argparse.Namespace, tokenizer: FrameTokenizer | None
) -> Sequence[Recordings]:
    from hma_ros.data.token_folders import TokenFolder
    from hma_ros.training.recordings import EpisodeRecordings, FolderRecordings

    if tokenizer is None:
        return [FolderRecordings(TokenFolder.open(folder)) for folder in args.folders]
    return [
        EpisodeRecordings(robot.demonstrations, tokenizer, _tokens_folder(args))
        for robot in args.robots
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


def _correct(
    args: argparse.Namespace, model: DiscreteHma, tokenizer: Tokenizer, number: int
) -> None:
    """Let the policy act in the simulator, and record the expert's corrections."""
    from hma_ros.evaluation.closed_loop import collect
    from hma_ros.export.bundle import export_bundle
    from hma_ros.training.dagger import split_of

    with tidy_when_ended():
        bundle = export_bundle(model, args.out / 'bundle', _options(tokenizer, model.config))
    split = split_of(number)
    for robot in _acting(args):
        if _missing(args, robot, split):
            name, folder = robot.name, _iteration(args, robot, split) / 'shard_00'
            rate = collect(name, bundle, folder, ITERATION_EPISODES, number, workers=args.workers)
            print(f'{name}: DAgger iteration {number}, the policy succeeds in {rate:.0%}')


def _tokens(
    args: argparse.Namespace, robot: Robot, tokenizer: Tokenizer, split: str = 'train'
) -> list[TokenEpisode]:
    """Return the episodes to train on, or those of an iteration of DAgger."""
    from hma_ros.cli.train_further import encoded
    from hma_ros.data.episodes import EpisodeDataset
    from hma_ros.data.shards import find_shards
    from hma_ros.export.pretrained import Pretrained
    from hma_ros.training.recordings import with_anchors
    from hma_ros.training.tokens import tokens_once

    if split == 'train':
        dataset, folder = robot.demonstrations, _tokens_folder(args)
    else:
        dataset = EpisodeDataset(find_shards(args.out / 'dagger', robot.name, split))
        folder = args.out / 'tokens'
    if isinstance(tokenizer, Pretrained):
        return encoded(tokenizer, dataset, args.out / 'tokenizer')
    episodes = tokens_once(tokenizer, dataset, folder)
    return with_anchors(episodes, dataset) if args.anchor else episodes


def _tokens_folder(args: argparse.Namespace) -> Path:
    """Return where tokens are kept: beside the tokenizer."""
    folder: Path = args.out if args.tokenizer is None else args.tokenizer.parent
    return folder / 'tokens'


def _missing(args: argparse.Namespace, robot: Robot, split: str) -> bool:
    return not list(_iteration(args, robot, split).glob('**/metadata.json'))


def _iteration(args: argparse.Namespace, robot: Robot, split: str) -> Path:
    """Return where the episodes of an iteration are: with the run whose policy acted."""
    folder: Path = args.out / 'dagger' / robot.name / split
    return folder
