# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma data mark``: change which imported episodes count as succeeded."""

import argparse

EXAMPLES = """\
examples:
  hma data mark data/mine failed 3            the wrong key was pressed, or it is a bad example
  hma data mark data/mine succeeded 0 1 2     recorded without marks, all of them good
"""
_RESULTS = {'succeeded': True, 'failed': False}


def add_parser(actions: 'argparse._SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add ``data mark``."""
    parser = actions.add_parser(
        'mark',
        help='change which episodes of a data set count as succeeded',
        description='Change which episodes of a data set count as succeeded. Training leaves '
        'failed ones out; the recordings are not touched.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('folder', metavar='DIR', help='a data set of hma data import')
    parser.add_argument('result', choices=_RESULTS, help='their result')
    parser.add_argument(
        'episodes', nargs='+', type=int, metavar='EPISODE', help='numbers as in inspect.html'
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Mark the episodes, and print what changed."""
    from pathlib import Path

    from hma_ros.data.outcome_marks import mark_anew

    folder = Path(args.folder)
    changes = mark_anew(folder, args.episodes, _RESULTS[args.result])
    for number, change in zip(args.episodes, changes, strict=True):
        print(f'episode {number}: {change}')
    print(f'to update its page: hma data inspect {folder}')
    return 0
