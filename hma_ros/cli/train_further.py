# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma train --init``: continue training a model, on new episodes of its robots."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hma_ros.cli.train_data import facts_of
from hma_ros.cli.window_length import check_length
from hma_ros.core.errors import BundleError, ConfigError

if TYPE_CHECKING:
    from hma_ros.cli.train_data import Robot
    from hma_ros.data.episodes import Episodes
    from hma_ros.data.windows import TokenEpisode
    from hma_ros.export.pretrained import Pretrained
    from hma_ros.network.checkpoint import Hma

# Peak learning rate: the weights are not random any more.
RATE = 2e-3


def read_initial(args: argparse.Namespace) -> Pretrained:
    """
    Read the model to continue training, and keep its frame tokenizer with the run.

    :raises ConfigError: see :func:`~hma_ros.export.pretrained.read_pretrained`, or a robot whose
        stem the model does not have, or whose numbers mean something else to that stem.
    """
    from hma_ros.export.pretrained import read_pretrained, save_codec

    initial = read_pretrained(initial_folder(args.init, args.out))
    for robot in args.robots:
        _check_stem(args, robot, initial)
    save_codec(initial.codec, initial.tokenizer, args.out / 'tokenizer')
    return initial


def _check_stem(args: argparse.Namespace, robot: Robot, initial: Pretrained) -> None:
    stems = {domain.name: domain.robot for domain in initial.model.config.domains}
    place = '--data' if robot.folders else '--embodiments'
    if robot.stem not in stems:
        raise ConfigError(
            f'{place}: {robot.name}: stem: got {robot.stem!r}, expected one of '
            f'{", ".join(stems)} of {args.init}; `hma finetune` adds a stem'
        )
    served = stems[robot.stem]
    for key, got, expected in served.differences(robot.spec) if served else ():
        raise ConfigError(
            f'{place}: {robot.name}: {key}: got {got}, expected {expected} of the stem '
            f'{robot.stem!r} of {args.init}; `hma finetune` adds a stem'
        )


def initial_folder(text: str, out: Path) -> Path:
    """Find what to begin with: a folder, or the name of a bundle; ConfigError if that is OUT."""
    from hma_ros.bringup.places import folder_or_bundle

    try:
        source = folder_or_bundle(text)
    except BundleError as error:
        raise ConfigError(
            f'--init: got {text!r}, expected OUT of `hma train`, a bundle, or the name of one'
        ) from error
    if source.resolve() == out.resolve():
        raise ConfigError(
            f'--init: got {source}, expected another folder than --out, where the new weights '
            'replace the old ones; choose another --out'
        )
    return source


def train_further(
    args: argparse.Namespace,
    initial: Pretrained,
    begins: int,
) -> Hma:
    """
    Train all weights; mean and std of actions and joints stay those of the model.

    The stems of ``args.robots`` are trained.

    :param begins: optimiser step at which self-forcing begins.
    """
    from hma_ros.data.windows import EpisodeWindows
    from hma_ros.training import provenance, session
    from hma_ros.training.configuration import default_length
    from hma_ros.training.recordings import standardise_states
    from hma_ros.training.self_forcing import SelfForcing
    from hma_ros.training.trainer import HmaTrainer, Start, hidden_matrices

    datasets = {robot.stem: robot.demonstrations for robot in args.robots}
    for dataset in datasets.values():
        dataset.check_frame_size(initial.codec.image_size, 'the frame tokenizer')
    model = initial.model.requires_grad_(True)
    length = args.length or default_length(model.config)
    for robot in args.robots:
        check_length(length, robot.where, robot.demonstrations)
    settings = {
        'data': facts_of(args.robots, every=False),
        'init': initial.facts,
        'tokenizer': initial.codec_fingerprint,
    }
    provenance.begin(args.out, settings, {})
    trainer = HmaTrainer(
        model.config,
        args.out / 'model',
        args.steps,
        length,
        args.windows,
        self_forcing=SelfForcing(share=args.self_forced, begins=begins),
        start=Start(model, tuple(datasets), RATE, hidden_matrices(model.config)),
    )
    print(*trainer.notes, sep='\n')

    def windows() -> dict[str, EpisodeWindows]:
        folder = args.out / 'tokenizer'
        episodes = {stem: encoded(initial, data, folder) for stem, data in datasets.items()}
        return {
            stem: EpisodeWindows(standardise_states(items), length)
            for stem, items in episodes.items()
        }

    return session.train(args.out, trainer, windows)


def encoded(initial: Pretrained, dataset: Episodes, folder: Path) -> list[TokenEpisode]:
    """
    Encode the frames once, with the tokenizer that :func:`read_initial` kept.

    :param folder: of that; tokens are kept beside it.
    """
    from hma_ros.export.pretrained import encode_with
    from hma_ros.training.recordings import with_anchors
    from hma_ros.training.tokens import Encoder, encoded_once

    codec = initial.codec
    encoder = Encoder(encode_with(codec, folder), codec.image_size, initial.codec_fingerprint)
    episodes = encoded_once(encoder, dataset, folder.parent / 'tokens')
    return with_anchors(episodes, dataset) if initial.model.config.anchor else episodes
