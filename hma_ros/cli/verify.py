# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma verify``: does this package compute what the authors' code computes?"""

from __future__ import annotations

import argparse
from pathlib import Path

from hma_ros.core.short_text import counted

EXAMPLES = """\
examples:
  hma verify golden test/data/golden            all folders there
  hma verify golden test/data/golden/metrics    one of them

All of test/data/golden takes up to two minutes; a line before each folder says how much is in it.
An error is the largest absolute difference over the largest expected magnitude. Exit code 1 when
a line says FAIL, 2 when a folder cannot be read. The tolerance of an ill-conditioned rollout is
four times the effect of the last bits of its noise, at most 0.5; its line shows it.
This verifies the package. A bundle is verified when it is written (hma import-checkpoint and
hma export print its errors), and hma doctor compares its files with its manifest.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``verify``."""
    parser = subparsers.add_parser(
        'verify',
        help="compare with arrays of the authors' code",
        description="Compare with arrays that the authors' code wrote.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parts = parser.add_subparsers(dest='part', metavar='PART', required=True)
    golden = parts.add_parser(
        'golden',
        help='models, loaders and metrics against golden folders',
        description='Compare models, loaders and metrics with golden folders.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    golden.add_argument(
        'folders',
        nargs='+',
        type=Path,
        metavar='DIR',
        help='a folder with golden.npz and its inputs, or a folder of such folders',
    )
    golden.set_defaults(run=run_golden)


def run_golden(args: argparse.Namespace) -> int:
    """Print one line per array and a summary; 1 when an array is out of tolerance, else 0."""
    from hma_ros.cli.golden.folders import check_folder, find_folders
    from hma_ros.cli.golden.golden import GoldenArrays
    from hma_ros.cli.golden.report import summary

    comparisons = []
    for folder, kind in find_folders(args.folders):
        count = len(GoldenArrays(folder))
        print(f'{folder}: {counted(count, "array")}, inputs among them, {kind}', flush=True)
        for item in check_folder(folder, kind):
            print(item, flush=True)
            comparisons.append(item)
    print(summary(comparisons))
    return 0 if all(item.ok for item in comparisons) else 1
