# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma data mark``: say anew which imported episodes succeeded."""

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
        help='say anew which episodes of a data set succeeded',
        description='Say anew which episodes of a data set succeeded. hma finetune learns from '
        'the successful ones; the recordings are not touched.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('folder', metavar='DIR', help='a data set of hma data import')
    parser.add_argument('result', choices=_RESULTS, help='what became of them')
    parser.add_argument(
        'episodes', nargs='+', type=int, metavar='EPISODE', help='numbers as in inspect.html'
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Mark the episodes, and count how many there are of each kind then."""
    from pathlib import Path

    from hma_ros.data.lerobot_reader import LeRobotData
    from hma_ros.data.lerobot_writer import LeRobotWriter
    from hma_ros.data.outcomes import summary

    data = LeRobotData(Path(args.folder))
    journal = data.journal
    writer = LeRobotWriter(data.folder, data.spec, journal['task'], journal['embodiment'])
    writer.mark(args.episodes, _RESULTS[args.result])
    print(f'{data.folder}: {summary(writer.outcomes)}')
    return 0
