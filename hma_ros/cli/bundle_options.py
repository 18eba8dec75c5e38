# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Options of the commands that write a bundle, or choose how it imagines."""

import argparse
from pathlib import Path

from hma_ros.cli.numbers import positive
from hma_ros.core.generation.decoding import Decoding
from hma_ros.core.settings import PRECISIONS


def add_precision(parser: argparse.ArgumentParser) -> None:
    """Add ``--precision``."""
    parser.add_argument(
        '--precision',
        default='fp32',
        choices=PRECISIONS,
        help='number format (default: fp32); fp16 is for GPUs, int8 for CPUs',
    )


def add_decoding(
    parser: argparse.ArgumentParser, known: str = 'that of the bundle that is read, else '
) -> None:
    """
    Add the sampling options that every model has; see :func:`chosen_decoding`.

    :param known: text before each default in the help.
    """
    parser.add_argument(
        '--mask-steps',
        type=positive,
        metavar='N',
        help=f'masked passes per imagined frame (default: {known}2)',
    )
    parser.add_argument(
        '--temperature',
        type=float,
        metavar='T',
        help=f'of imagined tokens; 0: the most likely (default: {known}0, of continuous models 1)',
    )
    parser.add_argument(
        '--guidance',
        type=float,
        metavar='W',
        help='scale of classifier-free guidance by the actions: 1 (none) to 10, at up to twice '
        'the work per imagined frame; only for models that support masked actions (default: '
        f'{known}1)',
    )


def chosen_decoding(args: argparse.Namespace) -> Decoding:
    """
    Return the options of :func:`add_decoding` that were given; the bundle decides the others.

    :raises ConfigError: a value out of range.
    """
    return Decoding(
        mask_steps=args.mask_steps, temperature=args.temperature, guidance=args.guidance
    )


def add_torch(parser: argparse.ArgumentParser) -> None:
    """Add ``--torch``."""
    parser.add_argument(
        '--torch',
        action='store_true',
        help='add the network to the bundle, for provider:=torch-cuda (fp32 or fp16) and for '
        '--init of `hma train` and `hma finetune`',
    )


def add_frames(parser: argparse.ArgumentParser) -> None:
    """Add ``--frames``."""
    parser.add_argument(
        '--frames',
        type=Path,
        metavar='FOLDER',
        help="two or more images (.png, .jpg) of the robot's camera: adds an int8 decoder, "
        'calibrated and checked on them, for tokenizer_precision:=int8',
    )
