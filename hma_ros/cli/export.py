# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma export``: from trained checkpoints, or another bundle, to a bundle for the robot."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hma_ros.cli.bundle_options import (
    add_decoding,
    add_frames,
    add_precision,
    add_torch,
    chosen_decoding,
)
from hma_ros.cli.interruption import tidy_when_ended
from hma_ros.core.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

    from hma_ros.export.bundle import BundleOptions
    from hma_ros.network.checkpoint import Hma

EXAMPLES = """\
examples:
  hma export runs/mine --out models/mine
  hma export runs/mine --out models/mine_fp16 --precision fp16     for a GPU
  hma export hma_sim --out models/hma_sim_int8 --precision int8    a bundle, in another precision
  hma export hma_sim --out models/hma_sim_torch --torch            for provider:=torch-cuda
  hma export --renew models/old --out models/new                   a bundle of format 3

Every graph is run against the network on random inputs before the manifest is written; a bundle
that does not compute the same is refused.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``export``."""
    parser = subparsers.add_parser(
        'export',
        help='write a bundle from trained checkpoints, or from another bundle',
        description='Write a bundle (ONNX graphs and manifest.json) from the checkpoints of '
        '`hma train`, or from another bundle.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'source',
        nargs='?',
        metavar='SRC',
        help='what `hma train --out` or `hma finetune --out` wrote; the heads in fine_tuned are '
        'used if there are any; or a bundle or its name',
    )
    parser.add_argument(
        '--renew',
        type=Path,
        metavar='BUNDLE',
        help='convert this bundle of format 3, instead of exporting SRC',
    )
    parser.add_argument('--out', type=Path, required=True, metavar='FOLDER', help='the bundle')
    add_precision(parser)
    add_torch(parser)
    add_frames(parser)
    add_decoding(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export and print the parity."""
    from hma_ros.export.parity import parity_text
    from hma_ros.export.renew import renew
    from hma_ros.runtime.manifest import Manifest

    if (args.source is None) == (args.renew is None):
        raise ConfigError('export: expected either SRC or --renew BUNDLE')
    if args.renew is not None:
        _check_alone(args)
        renew(args.renew, args.out)
    else:
        with tidy_when_ended():
            _export(args)
    manifest = Manifest.read(args.out)
    size_mb = sum((args.out / name).stat().st_size for name in manifest.files) / 1e6
    print(
        f'{args.out}: stems {", ".join(manifest.stems)}; {size_mb:.1f} MB; '
        f'{manifest.precision}; against the network: {parity_text(manifest.parity)}'
    )
    return 0


def _check_alone(args: argparse.Namespace) -> None:
    """Refuse options that a renewal would ignore: it changes only the format of a bundle."""
    defaults = {'torch': False, 'precision': 'fp32'}
    names = ('precision', 'torch', 'frames', 'mask_steps', 'temperature', 'guidance')
    given = [
        f'--{name.replace("_", "-")}'
        for name in names
        if getattr(args, name) != defaults.get(name)
    ]
    if given:
        raise ConfigError(
            f'export: got {", ".join(given)} with --renew, expected SRC instead; renew without, '
            'then export the new bundle with these options'
        )


def _export(args: argparse.Namespace) -> None:
    """Write a bundle of what `hma train` or `hma finetune` wrote, or of another bundle."""
    from hma_ros.bringup.places import folder_or_bundle
    from hma_ros.export.bundle import export_bundle
    from hma_ros.export.int8_decoder import frame_paths
    from hma_ros.export.replace import check_replaceable
    from hma_ros.runtime.manifest import INT8_DECODER
    from hma_ros.runtime.manifest_file import FILE_NAME

    decoding = chosen_decoding(args)
    check_replaceable(args.out)
    if args.frames is not None:
        frame_paths(args.frames)  # before anything is read
    folder = folder_or_bundle(args.source)
    if args.frames is not None and _adds_decoder_alone(folder, args):
        from hma_ros.export.add_decoder import add_int8_decoder

        add_int8_decoder(folder, args.out, args.frames)
        return
    read = read_bundle if (folder / FILE_NAME).is_file() else _read_run
    model, options = read(folder, args.precision)
    if (folder / f'{INT8_DECODER}.onnx').exists() and args.frames is None:
        print(f'{folder}: its int8 decoder is left out; --frames makes one')
    if args.frames is not None:
        options = replace(options, frames=_frames(args.frames, options))
    options = replace(options, checkpoint=args.torch)
    export_bundle(model, args.out, options.recommending(decoding))


def _adds_decoder_alone(folder: Path, args: argparse.Namespace) -> bool:
    """Whether the new bundle is the old one but for its int8 decoder."""
    from hma_ros.network.checkpoint import CONFIG_FILE
    from hma_ros.runtime.manifest import Manifest
    from hma_ros.runtime.manifest_file import FILE_NAME

    if not (folder / FILE_NAME).is_file() or chosen_decoding(args).chosen:
        return False
    same_network = (folder / CONFIG_FILE).is_file() == args.torch
    return bool(same_network and Manifest.read(folder).precision == args.precision)


def _frames(folder: Path, options: BundleOptions) -> np.ndarray:
    from hma_ros.export.int8_decoder import read_frames

    return read_frames(folder, options.codec.image_size if options.codec else None)


def _read_run(folder: Path, precision: str) -> tuple[Hma, BundleOptions]:
    from hma_ros.export.bundle import BundleOptions, codec_options
    from hma_ros.export.pretrained import read_codec
    from hma_ros.network.checkpoint import load_hma

    fine_tuned, tokenizer = folder / 'fine_tuned', folder / 'tokenizer'
    model = load_hma(fine_tuned if fine_tuned.exists() else folder / 'model')
    # A link may lead nowhere; without its frame tokenizer a bundle takes tokens alone.
    if not (tokenizer.exists() or tokenizer.is_symlink()):
        return model, BundleOptions(precision=precision)
    codec = read_codec(tokenizer, model.config)
    return model, codec_options(codec, model.config, precision)


def read_bundle(folder: Path, precision: str) -> tuple[Hma, BundleOptions]:
    """
    Read a bundle in order to write it again.

    :param precision: of the new one.
    :returns: the network, and options with robots and sampling defaults of the old bundle.
    :raises ConfigError: it has no frame tokenizer.
    :raises BundleError: its weights cannot be read.
    """
    from hma_ros.export.bundle import codec_options
    from hma_ros.export.pretrained import read_pretrained
    from hma_ros.runtime.manifest import Manifest

    found, manifest = read_pretrained(folder), Manifest.read(folder)
    options = replace(
        codec_options(found.codec, found.model.config, precision),
        # Weights of an imported checkpoint are not rounded to fp16.
        stores_half=manifest.compat != 'upstream',
        drawing=manifest.drawing,
        robots=manifest.robots,
    )
    return found.model, options.recommending(found.decoding)
