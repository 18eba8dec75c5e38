# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma export``: from trained checkpoints to a bundle for the robot."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from hma_ros.core.errors import ConfigError

EXAMPLES = """\
examples:
  hma export runs/mine --out models/mine
  hma export runs/mine --out models/mine_fp16 --precision fp16     for a GPU
  hma export --renew models/old --out models/new                   a bundle of format 3

Every graph is run against the network on random inputs before the manifest is written; a bundle
that does not compute the same is refused.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``export``."""
    parser = subparsers.add_parser(
        'export',
        help='write a bundle from trained checkpoints',
        description='Write a bundle (ONNX graphs and manifest.json) from the checkpoints of '
        '`hma train`.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'run_folder',
        type=Path,
        nargs='?',
        metavar='RUN',
        help='what `hma train --out` or `hma finetune --out` wrote; the heads in fine_tuned are '
        'used if there are any',
    )
    parser.add_argument(
        '--renew',
        type=Path,
        metavar='BUNDLE',
        help='convert this bundle of format 3, instead of exporting RUN',
    )
    parser.add_argument('--out', type=Path, required=True, metavar='FOLDER', help='the bundle')
    parser.add_argument(
        '--precision',
        default='fp32',
        choices=('fp32', 'fp16', 'int8'),
        help='number format (default: fp32); fp16 is for GPUs, int8 for CPUs',
    )
    parser.add_argument(
        '--temperature',
        type=float,
        metavar='T',
        help='temperature of imagined tokens; 0: the most likely (default; continuous models: 1)',
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export and print the parity."""
    from hma_ros.export.parity import parity_text
    from hma_ros.export.renew import renew
    from hma_ros.runtime.manifest import Manifest

    if (args.run_folder is None) == (args.renew is None):
        raise ConfigError('export: expected either RUN or --renew BUNDLE')
    if args.renew is not None:
        renew(args.renew, args.out)
    else:
        _export(args)
    manifest = Manifest.read(args.out)
    size_mb = sum((args.out / name).stat().st_size for name in manifest.files) / 1e6
    print(
        f'{args.out}: stems {", ".join(manifest.stems)}; {size_mb:.1f} MB; '
        f'{manifest.precision}; against the network: {parity_text(manifest.parity)}'
    )
    return 0


def _export(args: argparse.Namespace) -> None:
    """Write a bundle of what `hma train` or `hma finetune` wrote."""
    from hma_ros.core.generation.decoding import Decoding
    from hma_ros.export.bundle import BundleOptions, codec_options, export_bundle
    from hma_ros.export.pretrained import read_codec
    from hma_ros.network.checkpoint import load_hma

    fine_tuned, tokenizer = args.run_folder / 'fine_tuned', args.run_folder / 'tokenizer'
    model = load_hma(fine_tuned if fine_tuned.exists() else args.run_folder / 'model')
    options = BundleOptions(precision=args.precision)
    # A link may lead nowhere; without its frame tokenizer a bundle takes tokens alone.
    if tokenizer.exists() or tokenizer.is_symlink():
        codec = read_codec(tokenizer, model.config)
        options = codec_options(codec, model.config, args.precision)
    Decoding(temperature=args.temperature)  # checks itself
    export_bundle(model, args.out, replace(options, temperature=args.temperature))
