# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Measure the shipped bundle, print the tables, and write them as JSON."""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.latency import measure_latency
from benchmarks.ros_latency import ros_latency
from hma_ros.bringup import bundle_folder
from hma_ros.core.errors import ConfigError, HmaError
from hma_ros.data.episodes import find_shards
from hma_ros.evaluation.held_out import fresh_episodes, kinds
from hma_ros.evaluation.measurements import as_result, describe_machine, write_measurements
from hma_ros.evaluation.prediction import PredictionConfig, measure_prediction
from hma_ros.evaluation.tables import TABLES, machine_table
from hma_ros.runtime.manifest import Manifest
from hma_ros.runtime.world_model import WorldModel

EXAMPLES = """\
examples:
  python -m benchmarks                                       the shipped bundle, as `make bench`
  python -m benchmarks --rows 200 --robot sim_planar         a first impression
  python -m benchmarks --bundle runs/mine/bundle --out benchmarks/out/mine.json

Episodes are made in the simulator, always the same ones, from starts that training never saw.
All of it takes about ten minutes, and nothing else should run meanwhile; the tables name the load
of the machine.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run all benchmarks.

    :returns: 0, or 2 on an error of the user's to fix.
    """
    args = _parser().parse_args(arguments)
    try:
        results = _measure(args)
    except HmaError as error:
        print(f'benchmarks: error: {error}', file=sys.stderr)
        return 2
    for name, tables in TABLES.items():
        chosen = [result for result in results if result['name'] == name]
        if chosen:
            print(*(table(chosen) for table in tables), sep='\n')
    print(machine_table(describe_machine()))
    write_measurements(args.out, _command(args), results)
    print(f'wrote {args.out}')
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks',
        description='Measure latency, memory and prediction of a bundle.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
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
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('benchmarks/out/latest.json'),
        metavar='FILE',
        help='default: benchmarks/out/latest.json',
    )
    return parser


def _add_sizes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--rows',
        type=int,
        default=2000,
        metavar='N',
        help='rows to stream through one context (default: 2000)',
    )
    parser.add_argument(
        '--threads',
        type=int,
        default=2,
        metavar='N',
        help='threads of each graph, outside ROS (default: 2)',
    )
    parser.add_argument(
        '--episodes',
        type=int,
        default=12,
        metavar='N',
        help='held-out episodes of each robot (default: 12)',
    )
    parser.add_argument(
        '--prediction-rows',
        type=int,
        default=100,
        metavar='N',
        help='rows to predict from (default: 100)',
    )
    parser.add_argument(
        '--ros-episodes',
        type=int,
        default=3,
        metavar='N',
        help='episodes through the ROS nodes, in real time; 0 for none (default: 3)',
    )


def _measure(args: argparse.Namespace) -> list[dict[str, Any]]:
    manifest = Manifest.read(bundle_folder(args.bundle))
    stems = {info.embodiment: stem for stem, info in manifest.stems.items()}
    results = []
    for robot in args.robot or stems:
        if robot not in stems:
            raise ConfigError(f"--robot: '{robot}', expected one of {', '.join(stems)}")
        results += _measure_robot(args, manifest.folder, stems[robot], robot)
    return results


def _measure_robot(
    args: argparse.Namespace, folder: Path, stem: str, robot: str
) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as scratch:
        episodes = fresh_episodes(scratch, robot, kinds(args.episodes))
        shards = find_shards(scratch, robot, 'val')
        latency = measure_latency(folder, stem, shards, max(20, args.rows), args.threads)
        prediction = measure_prediction(
            WorldModel(folder, stem, args.threads),
            episodes,
            PredictionConfig(max_rows=args.prediction_rows),
        )
    results = [as_result('latency', latency), as_result('prediction', prediction)]
    if args.ros_episodes > 0:
        through_ros = ros_latency(folder, robot, args.ros_episodes)
        results.append(as_result('ros_latency', through_ros))
    return results


def _command(args: argparse.Namespace) -> str:
    words = ['python', '-m', 'benchmarks', '--bundle', args.bundle]
    words += ['--robot', *args.robot] if args.robot else []
    for name in ('rows', 'threads', 'episodes', 'prediction_rows', 'ros_episodes'):
        words += [f'--{name.replace("_", "-")}', str(getattr(args, name))]
    return shlex.join(words)


if __name__ == '__main__':
    sys.exit(main())
