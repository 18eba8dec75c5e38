# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma finetune``: from a trained model and the demonstrations of a new robot to its policy."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from hma_ros.cli.bundle_options import add_torch
from hma_ros.cli.interruption import tidy_when_ended
from hma_ros.cli.numbers import not_negative, positive, positive_number, share
from hma_ros.cli.pool_options import add_ray, chosen_pool
from hma_ros.cli.run_folder import check_run_folder
from hma_ros.cli.train_data import data_summary
from hma_ros.cli.window_length import check_length
from hma_ros.core.errors import ConfigError
from hma_ros.core.settings import TRUNKS
from hma_ros.core.short_text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hma_ros.core.generation.decoding import Decoding
    from hma_ros.data.episodes import Episodes
    from hma_ros.data.windows import TokenEpisode
    from hma_ros.export.pretrained import Pretrained
    from hma_ros.network.checkpoint import Hma
    from hma_ros.network.config import HmaConfig
    from hma_ros.network.discrete import DiscreteHma
    from hma_ros.training.trainer import HmaTrainer

EXAMPLES = """\
examples:
  hma finetune --init hma_sim --data data/mine --out runs/mine --bundle models/mine
      the shipped model, on a data set of `hma data import`
  hma finetune --init hma_sim --data data/mine --out runs/mine --trunk frozen
      train only the new stem, projectors and head; other robots in the model act as before
  hma finetune --init hma_sim --data data/mine data/imagined --out runs/both
      demonstrations, and what `hma imagine` made of them
  hma finetune --init hma-base-disc --tokenizer magvit2.ckpt --data data/mine --out runs/mine
      a checkpoint of HMA's authors

  torchrun --nproc-per-node 2 --no-python hma finetune ...
      two processes, each with --windows of its own

Run the same command again after a stop: it resumes, and ends with the same losses.
Losses are written to OUT/model/log.jsonl; command, settings and data to OUT/provenance.json.
"""
FEW_EPISODES = 10
# Of the action head, on the trained trunk.
HEAD_STEPS = 3000
# Standard deviations of the features. Without noise a head overfits a hundred demonstrations; what
# it gains is in docs/how-to/fine-tune.md#measured.
_FEATURE_NOISE = 0.8


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``finetune``."""
    parser = subparsers.add_parser(
        'finetune',
        help='fine-tune a trained model to a new robot from its demonstrations',
        description='Add a stem, projectors and an action head for a new robot to a trained '
        'model, and train them (and, with --trunk, the trunk) on its demonstrations.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        '--init',
        required=True,
        metavar='SRC',
        help='the model: OUT of `hma train` or `hma finetune`, a bundle or its name, or a folder '
        "with config.json and model.safetensors, ours or the authors'",
    )
    add(
        '--data',
        nargs='+',
        type=Path,
        required=True,
        metavar='FOLDER',
        help='demonstrations of the new robot: data sets of `hma data import`, or episodes; '
        'several are joined',
    )
    add('--out', type=Path, required=True, metavar='FOLDER', help='checkpoints, logs and state')
    add('--bundle', type=Path, metavar='FOLDER', help='export a bundle here at the end')
    add_torch(parser)
    add(
        '--tokenizer',
        type=Path,
        metavar='PATH',
        help='frame tokenizer that the model was trained with (default: the one in SRC)',
    )
    add(
        '--stem',
        type=stem_name,
        metavar='NAME',
        help='name of the new stem (default: that of the embodiment file)',
    )
    add_ray(parser, 'encode the frames')
    _add_training(parser)
    parser.set_defaults(run=run)


def _add_training(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('training')
    group.add_argument(
        '--trunk',
        default='lora',
        choices=TRUNKS,
        help='weights of the trunk to train: none, a low-rank change of each matrix in the blocks '
        '(default), or all; scratch begins with random weights instead, to see what pre-training '
        'gains. With frozen the stems of other robots stay in the model; otherwise they are left '
        'out, because the trunk changes',
    )
    for name, default, text in (
        ('steps', 1500, 'optimiser steps'),
        ('windows', 16, 'windows in a step'),
    ):
        group.add_argument(
            f'--{name}', type=positive, default=default, metavar='N', help=f'{text} ({default})'
        )
    for name, text in (
        ('length', 'steps of a training window (as hma train)'),
        ('rank', 'rank of the change with --trunk lora (8)'),
        ('head-steps', f'optimiser steps of only the action head (preset small; {HEAD_STEPS})'),
    ):
        group.add_argument(f'--{name}', type=positive, metavar='N', help=text)
    group.add_argument(
        '--rate',
        type=positive_number,
        metavar='R',
        help='peak learning rate (default: 2e-3 frozen, 1e-3 lora, 3e-3 all and scratch)',
    )
    group.add_argument(
        '--augment',
        type=not_negative,
        default=0,
        metavar='N',
        help='also learn from N copies of each demonstration with random shift and colour jitter, '
        'meant for a moved camera and other light (default: 0)',
    )
    group.add_argument(
        '--masked-history',
        type=share,
        metavar='P',
        help='share of windows whose past actions are masked, so that the policy looks at the '
        'scene instead of copying its last action (preset small; 0.5)',
    )
    group.add_argument(
        '--held-out',
        type=not_negative,
        metavar='N',
        help='demonstrations to hold out: not trained on, they show at the end how well frames '
        'and actions are predicted (preset small; default: a tenth of '
        f'{FEW_EPISODES} or more)',
    )
    group.add_argument(
        '--tensorboard',
        action='store_true',
        help='also write the losses for TensorBoard, to OUT/model/tensorboard',
    )


def stem_name(text: str) -> str:
    """Read a name that parameters and files can have; raises ArgumentTypeError of another."""
    if not text.isidentifier():
        raise argparse.ArgumentTypeError(f'got {text!r}, expected letters, digits and _')
    return text


def run(args: argparse.Namespace) -> int:
    """Fine-tune, and export if that was asked for."""
    from hma_ros.cli.train_further import initial_folder
    from hma_ros.data.augmentation import Augmented
    from hma_ros.data.joined_episodes import open_all
    from hma_ros.export.pretrained import read_pretrained, save_codec
    from hma_ros.export.replace import check_replaceable
    from hma_ros.training.held_out import choose, split, summary
    from hma_ros.training.recordings import with_anchors
    from hma_ros.training.scalars import check_tensorboard
    from hma_ros.training.workers import Workers

    check_run_folder(args.out, args.data)
    if args.tensorboard:
        check_tensorboard()
    if args.bundle is not None:
        check_replaceable(args.bundle)
    dataset = open_all(args.data)
    shown = Augmented(dataset, args.augment) if args.augment else dataset
    initial = read_pretrained(initial_folder(args.init, args.out), args.tokenizer)
    dataset.check_frame_size(initial.codec.image_size, 'the frame tokenizer')
    workers = Workers()
    check_options(args, initial.model.config)
    is_imagined = bool(dataset.synthetic)
    held = choose(len(dataset), args.held_out, is_imagined) if initial.model.config.twin else []
    trainer = _trainer(args, dataset, initial, held)
    with workers.in_turn():
        if workers.is_first:
            save_codec(initial.codec, initial.tokenizer, args.out / 'tokenizer')
            _tell_of_frames(dataset, initial, args.out / 'tokenizer')
        episodes = _tokens(args, shown, initial)
    if trainer.model.config.anchor:
        episodes = with_anchors(episodes, shown)
    learned, held_out = split(episodes, len(dataset), held)
    model = _train(args, trainer, learned)
    if not workers.is_first:
        return 0
    model = _fitted(args, model, trainer.stems[0], learned)
    print(f'checkpoints in {args.out}')
    if args.bundle is not None:
        _export(args, model, initial.decoding)
    if held_out:
        small = cast('DiscreteHma', model)
        print(*summary(small, trainer.stems[0], learned, held_out), sep='\n  ')
    return 0


def check_options(args: argparse.Namespace, config: HmaConfig) -> None:
    """Refuse options that would change nothing: ConfigError naming what they are for."""
    for name, counts, of in (
        ('rank', args.trunk == 'lora', '--trunk lora'),
        ('masked_history', config.twin, 'a model of preset small'),
        ('head_steps', config.twin, 'a model of preset small'),
        ('held_out', config.twin, 'a model of preset small'),
    ):
        value = getattr(args, name)
        if value is not None and not counts:
            option = name.replace('_', '-')
            raise ConfigError(f'--{option}: got {value}, expected it with {of} only; leave it out')


def _trainer(
    args: argparse.Namespace, dataset: Episodes, initial: Pretrained, held_out: Sequence[int]
) -> HmaTrainer:
    """Make the trainer of a new run, or of one to go on with."""
    from hma_ros.training.configuration import default_length
    from hma_ros.training.finetune import FineTuning, kept_stems, start
    from hma_ros.training.provenance import begin, data_facts
    from hma_ros.training.recordings import domain_of
    from hma_ros.training.scalars import tensorboard
    from hma_ros.training.trainer import HmaTrainer, quicker_precision
    from hma_ros.training.workers import Workers

    given = {'rank': args.rank, 'masked_history': args.masked_history}
    given = {name: value for name, value in given.items() if value is not None}
    tuning = FineTuning(args.trunk, rate=args.rate, **given)
    domain = domain_of(dataset, args.stem)
    _tell(args, dataset, domain.name, kept_stems(initial.model.config, args.trunk), initial)
    if held_out:
        print(f'held out, to score the model at the end: {len(held_out)} of {len(dataset)}')
    begun = start(initial.model, domain, tuning)
    length = args.length or default_length(begun.model.config)
    check_length(length, _places(args), dataset)
    settings = {
        'data': data_facts(_places(args), dataset),
        'init': initial.facts,
        'tokenizer': initial.codec_fingerprint,
        'stem': domain.name,
        **{name: getattr(tuning, name) for name in tuning.__dataclass_fields__},
        **{name: getattr(args, name) for name in ('steps', 'windows', 'augment')},
        'head_steps': args.head_steps or HEAD_STEPS,
        # Runs without it go on as before.
        **({'held_out': [*held_out]} if held_out else {}),
        'length': length,
        'processes': Workers().count,
    }
    measured = {'precision': quicker_precision(begun.model.config.width)}
    with Workers().in_turn():
        precision = begin(args.out, settings, measured)['measured']['precision']
    trainer = HmaTrainer(
        begun.model.config,
        args.out / 'model',
        args.steps,
        length,
        args.windows,
        precision=precision,
        start=begun,
    )
    print(*trainer.notes, sep='\n')
    if args.tensorboard and trainer.run.workers.is_first:
        trainer.run.scalars = tensorboard(args.out / 'model' / 'tensorboard', trainer.run.step)
    return trainer


def _places(args: argparse.Namespace) -> str:
    """Name the data sets."""
    return ', '.join(map(str, args.data))


def _tell(
    args: argparse.Namespace,
    dataset: Episodes,
    stem: str,
    kept: Sequence[str],
    initial: Pretrained,
) -> None:
    """Say what is learned from what, and what becomes of the other stems."""
    print(*data_summary(_places(args), dataset), sep='\n  ')
    if len(dataset) < FEW_EPISODES:
        few = counted(len(dataset), 'episode')
        print(f'  got {few}, expected {FEW_EPISODES} or more for a policy')
    former = [domain.name for domain in initial.model.config.domains]
    left = [name for name in former if name not in (*kept, stem)]
    again = ' (learned anew)' if stem in former else ''
    print(f'new stem: {stem}{again}; trunk: {args.trunk}; unchanged: {", ".join(kept) or "none"}')
    if left:
        print(f'  left out, as the shared weights no longer fit them: {", ".join(left)}')


def _tell_of_frames(dataset: Episodes, initial: Pretrained, folder: Path) -> None:
    """Print, before hours of training, how well the frame tokenizer reconstructs frames."""
    from hma_ros.data.drawn_frames import findings, reconstruction, summary
    from hma_ros.export.pretrained import draw_with

    draw = draw_with(initial.codec, folder, initial.model.config)
    quality = reconstruction(draw, [episode.frames for episode in dataset])
    print(summary(quality), *findings(quality), sep='\n  ', flush=True)


def _tokens(
    args: argparse.Namespace, dataset: Episodes, initial: Pretrained
) -> list[TokenEpisode]:
    """Encode the frames once; tokens are kept beside the data, where that can be written."""
    from hma_ros.export.pretrained import encode_in_worker, encode_with
    from hma_ros.training.tokens import Encoder, encoded_once

    codec, folder, pool = initial.codec, args.out / 'tokenizer', chosen_pool(args)
    if pool.is_serial:
        encode = encode_with(codec, folder)
    else:
        encode = partial(encode_in_worker, folder, initial.model.config)
    encoder = Encoder(encode, codec.image_size, initial.codec_fingerprint)
    place = args.data[0] if os.access(args.data[0], os.W_OK) else args.out
    return encoded_once(encoder, dataset, place / 'tokens', pool)


def _train(args: argparse.Namespace, trainer: HmaTrainer, episodes: Sequence[TokenEpisode]) -> Hma:
    """Train to the end; several processes of torchrun do so together."""
    from hma_ros.data.windows import EpisodeWindows
    from hma_ros.training import session
    from hma_ros.training.configuration import default_length
    from hma_ros.training.recordings import standardise_states

    length = args.length or default_length(trainer.model.config)
    short = sum(len(episode.actions) < length for episode in episodes)
    if short:
        print(
            f'not used, as shorter than the {length} steps of a window: {short} of '
            f'{counted(len(episodes), "episode")}'
        )
    windows = EpisodeWindows(standardise_states(episodes), length)
    return session.train(args.out, trainer, lambda: {trainer.stems[0]: windows})


def _fitted(
    args: argparse.Namespace, model: Hma, stem: str, episodes: Sequence[TokenEpisode]
) -> Hma:
    """Fit a keypoint action head to what the trained trunk sees of the demonstrations."""
    from hma_ros.training.heads import HeadFitter
    from hma_ros.training.session import save_fitted

    if not model.config.keypoints:
        return model
    fitter = HeadFitter(cast('DiscreteHma', model), _FEATURE_NOISE)
    fitter.add(stem, episodes)
    error = fitter.fit(stem, args.head_steps or HEAD_STEPS)
    print(f'{stem}: head error {error:.3f}, normalized')
    save_fitted(args.out, model)
    return model


def _export(args: argparse.Namespace, model: Hma, decoding: Decoding) -> None:
    """Write a bundle that imagines as the one that it began from."""
    from hma_ros.export.bundle import codec_options, export_bundle
    from hma_ros.export.pretrained import read_codec

    codec = read_codec(args.out / 'tokenizer', model.config)
    options = codec_options(codec, model.config)
    options = replace(options, checkpoint=args.torch)
    with tidy_when_ended():
        export_bundle(model, args.bundle, options.recommending(decoding))
    print(f'bundle in {args.bundle}')
