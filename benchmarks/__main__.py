# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Measure, print the tables, and write the results as JSON; write the page of results."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.report.measured_files import section_of
from benchmarks.report.page import write_report
from benchmarks.report.tables import TABLES, machines_table
from benchmarks.sections import MEASURED_TOGETHER, SECTIONS
from hma_ros.core.errors import HmaError
from hma_ros.core.writable import check_file
from hma_ros.evaluation.measurements import describe_machine, write_measurements

EXAMPLES = """\
sections:
  robot     latency, memory and prediction of the shipped bundle, also through the ROS nodes
  shipped   the shipped bundle against itself without a context; growth with steps, horizon and
            candidates
  speed     the paper's sizes against the published algorithm, on random weights; how near the
            machine's limit; growth with the window; GPU steps where there is a GPU
  tokenizers  MAGVIT2 in fp32, bf16 and int8, and a step of HMA-Base on DROID's clock, on random
            weights; the shipped tokenizer in the same precisions; needs a CPU with bf16
  quality   few-step sampling and int8 on models of `hma train model` (--trained): what they cost
            in images; left out where none are given
  training  sequences a second against the plain loop
  faults    faults injected around the executor, into benchmarks/out/faults.json; only when named
            (python -m benchmarks.faults --help)

examples:
  python -m benchmarks                                       all of it, as `make bench`
  python -m benchmarks --only robot --steps 200 --robot sim_planar     a first impression
  python -m benchmarks --only speed --only-like base_T12              some steps again
  python -m benchmarks report                                         write docs/results.md

Sections that are not measured keep their results in the file. Episodes are made in the simulator,
always the same ones, from starts that training never saw. Bundles of the paper's sizes are made in
out/bench once. All of it takes about half an hour, and nothing else should run meanwhile; the
tables name the load of the machine.
"""


REPORT_EXAMPLES = """\
examples:
  python -m benchmarks report
  python -m benchmarks report --results out --out out/results.md

It replaces only the text between the markers <!-- begin NAME --> and <!-- end NAME -->, and draws
charts into the folder images beside the page.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the benchmarks, or write the page of results.

    :returns: 0, or 2 on an error that the user can fix.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser()
    args = parser.parse_args(words)
    if args.run is _report and words[0] != 'report':
        parser.error(f'report: got {words[0]} before it, expected report first; move it behind')
    try:
        args.run(args)
    except HmaError as error:
        print(f'benchmarks: error: {error}', file=sys.stderr)
        return 2
    print(f'wrote {args.out}')
    return 0


def _report(args: argparse.Namespace) -> None:
    check_file('--out', args.out)
    write_report(args.out, args.results)


def _measure(args: argparse.Namespace) -> None:
    results: list[dict[str, Any]] = []
    for name in args.only or MEASURED_TOGETHER:
        for item in SECTIONS[name](args):
            results.append({**item, 'command': _command(args, name)})
            # What was measured is kept, whatever happens next.
            write_measurements(args.out, _command(args), _merged(args.out, results))
    for name, tables in TABLES.items():
        chosen = [result for result in results if section_of(result) == name]
        if chosen:
            print(*(table(chosen) for table in tables), sep='\n')
    print(machines_table({'here': describe_machine()}))


def _merged(path: Path, results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put results in the place of earlier ones of the same kind, keeping the others."""
    if not path.exists():
        return list(results)
    measured = {_key(result) for result in results}
    earlier = json.loads(path.read_text())['results']
    return [item for item in earlier if _key(item) not in measured] + list(results)


def _key(result: dict[str, Any]) -> tuple[Any, ...]:
    """Tell what was measured of whom."""
    return tuple(result.get(name) for name in ('name', 'embodiment', 'kind', 'sampler'))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks',
        description='Measure speed, latency, memory and prediction.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--only',
        nargs='+',
        choices=tuple(SECTIONS),
        help='sections to measure (default: all but faults)',
    )
    parser.add_argument(
        '--bundle',
        default='hma_sim',
        metavar='FOLDER',
        help='bundle, a folder or the name of one in models/ (default: hma_sim)',
    )
    parser.add_argument(
        '--robot',
        nargs='+',
        default=[],
        metavar='NAME',
        help='robots to measure (default: all of the bundle)',
    )
    _add_sizes(parser)
    for name, default, text in (
        ('--out', 'benchmarks/out/latest.json', 'results'),
        ('--scratch', 'out/bench', "bundles of the paper's sizes, kept for the next time"),
    ):
        parser.add_argument(
            name, type=Path, default=Path(default), metavar='PATH', help=f'{text} ({default})'
        )
    parser.set_defaults(run=_measure)
    parts = parser.add_subparsers(title='instead of measuring', metavar='')
    _add_report(parts)
    return parser


def _add_report(parts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = parts.add_parser(
        'report',
        help='write the page of results from what was measured',
        description='Write the page of results from what was measured.',
        epilog=REPORT_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name, default, text in (
        ('--results', 'benchmarks/out', 'folder of results'),
        ('--out', 'docs/results.md', 'page'),
    ):
        parser.add_argument(
            name, type=Path, default=Path(default), metavar='PATH', help=f'{text} ({default})'
        )
    parser.set_defaults(run=_report)


def _add_sizes(parser: argparse.ArgumentParser) -> None:
    for name, default, text in (
        ('--steps', 10_000, 'steps to stream through one context'),
        ('--threads', 2, 'threads of each graph, outside ROS'),
        ('--episodes', 12, 'held-out episodes of each robot'),
        ('--prediction-steps', 100, 'steps to predict from'),
        ('--ros-episodes', 3, 'episodes through the ROS nodes, in real time; 0 for none'),
        ('--rounds', 5, 'rounds of each duel'),
        ('--contexts', 25, 'contexts of each robot to imagine from, of quality'),
    ):
        parser.add_argument(
            name, type=int, default=default, metavar='N', help=f'{text} (default: {default})'
        )
    parser.add_argument(
        '--trained',
        nargs='+',
        type=Path,
        default=[],
        metavar='FOLDER',
        help='models of `hma train model`: folders with their bundles fp32 and int8, for quality',
    )
    parser.add_argument(
        '--only-like', default='', metavar='NAME', help='only results of speed that start so'
    )


def _command(args: argparse.Namespace, section: str = '') -> str:
    """Return what to type to measure again: everything, or a section."""
    words = ['python', '-m', 'benchmarks', '--bundle', args.bundle]
    words += ['--only', section] if section else []
    words += ['--robot', *args.robot] if args.robot else []
    words += ['--trained', *map(str, args.trained)] if args.trained else []
    numbers = ('steps', 'threads', 'episodes', 'prediction_steps', 'ros_episodes', 'rounds')
    for name in (*numbers, 'contexts'):
        words += [f'--{name.replace("_", "-")}', str(getattr(args, name))]
    return shlex.join(words)


if __name__ == '__main__':
    sys.exit(main())
