# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma export``: from trained checkpoints to a bundle for the robot."""

from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLES = """\
examples:
  hma export runs/mine --out models/mine
  hma export runs/mine --out models/mine_fp16 --precision fp16     for a GPU

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
        metavar='RUN',
        help='what `hma train --out` wrote: tokenizer, and model, or refitted if it is there',
    )
    parser.add_argument('--out', type=Path, required=True, metavar='FOLDER', help='the bundle')
    parser.add_argument(
        '--precision',
        default='fp32',
        choices=('fp32', 'fp16'),
        help='of the arithmetic (default: fp32); fp16 is for GPUs, the CPU gains nothing by it',
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export and say what was proven."""
    from hma_ros.export.bundle import export_bundle
    from hma_ros.export.proof import parity_text
    from hma_ros.network.checkpoint import load_hma, load_tokenizer
    from hma_ros.runtime.manifest import Manifest

    tokenizer = load_tokenizer(args.run_folder / 'tokenizer')
    refitted = args.run_folder / 'refitted'
    checkpoint = refitted if refitted.exists() else args.run_folder / 'model'
    export_bundle(load_hma(checkpoint), tokenizer, args.out, precision=args.precision)
    manifest = Manifest.read(args.out)
    size_mb = sum((args.out / name).stat().st_size for name in manifest.files) / 1e6
    print(
        f'{args.out}: stems {", ".join(manifest.stems)}; {size_mb:.1f} MB; '
        f'{manifest.precision}; against the network: {parity_text(manifest.parity)}'
    )
    return 0
