# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma train --init``: continue training a model, on new episodes of its robots."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from hma_ros.cli.window_length import check_length
from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import BundleError, ConfigError

if TYPE_CHECKING:
    from hma_ros.data.episodes import EpisodeDataset
    from hma_ros.data.windows import TokenEpisode
    from hma_ros.export.pretrained import Pretrained
    from hma_ros.network.checkpoint import Hma

# Peak learning rate: the weights are not random any more.
RATE = 2e-3


def read_initial(args: argparse.Namespace) -> Pretrained:
    """
    Read the model to continue training, and keep its frame tokenizer with the run.

    :raises ConfigError: see :func:`~hma_ros.export.pretrained.read_pretrained`, or a robot whose
        stem the model does not have.
    """
    from hma_ros.export.pretrained import read_pretrained, save_codec

    initial = read_pretrained(initial_folder(args.init, args.out))
    stems = [domain.name for domain in initial.model.config.domains]
    for name in args.embodiments:
        if (stem := load_embodiment(name).stem) not in stems:
            raise ConfigError(
                f'--embodiments: {name}: stem: got {stem!r}, expected one of {", ".join(stems)} '
                f'of {args.init}; `hma finetune` adds a stem'
            )
    save_codec(initial.codec, initial.tokenizer, args.out / 'tokenizer')
    return initial


def initial_folder(text: str, out: Path) -> Path:
    """Find what to begin with: a folder, or the name of a bundle; ConfigError if that is OUT."""
    from hma_ros.bringup.places import bundle_folder

    try:
        source = Path(text) if Path(text).is_dir() else bundle_folder(text)
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
    datasets: dict[str, EpisodeDataset],
    begins: int,
) -> Hma:
    """
    Train all weights; mean and std of actions and joints stay those of the model.

    :param datasets: by stem; these stems are trained.
    :param begins: optimiser step at which self-forcing begins.
    """
    from hma_ros.data.windows import EpisodeWindows
    from hma_ros.training.configuration import default_length
    from hma_ros.training.recordings import standardise_states
    from hma_ros.training.self_forcing import SelfForcing
    from hma_ros.training.trainer import HmaTrainer, Start, hidden_matrices

    for dataset in datasets.values():
        dataset.check_frame_size(initial.codec.image_size, 'the frame tokenizer')
    model = initial.model.requires_grad_(True)
    length = args.length or default_length(model.config)
    for dataset in datasets.values():
        check_length(length, args.data / dataset.embodiment, dataset)
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
    if trainer.run.step < args.steps:
        # Heads fitted to another trunk must not be exported with this one.
        shutil.rmtree(args.out / 'fine_tuned', ignore_errors=True)
    windows = {
        stem: EpisodeWindows(
            standardise_states(encoded(initial, dataset, args.out / 'tokenizer')), length
        )
        for stem, dataset in datasets.items()
    }
    return trainer.train(windows)


def encoded(initial: Pretrained, dataset: EpisodeDataset, folder: Path) -> list[TokenEpisode]:
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
