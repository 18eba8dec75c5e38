# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Inject faults, check every command, and write the outcome of each."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.faults.outcome import Outcome, from_facts, summary
from benchmarks.faults.processes import claim_domain
from benchmarks.faults.robots import ROBOTS
from hma_ros.bringup import loopback_environment
from hma_ros.evaluation.measurements import write_measurements

_LOOK_S, _DISCOVERY_S = 0.2, 2.0
EXAMPLES = """\
examples:
  python -m benchmarks.faults          all of it: 10,150 faults in process, 525 over DDS and 40 of
                                       all nodes; the file benchmarks/out/faults.json
  python -m benchmarks.faults --in-process 40 --over-dds 0 --stack 0         a first impression
  python -m benchmarks.faults --robot ur5e --in-process 0 --stack 0          one robot over DDS
  python -m benchmarks.faults --robot ur5e --in-process 0 --stack 0 --over-dds 10 \\
    --only 'executor gets SIGHUP' --out /tmp/faults.json                     one fault, ten times

The same as `python -m benchmarks --only faults`. Counts are for each robot. A busy machine makes
reactions slower; the checks stay the same. The exit code is 1 if a command was outside its limits
or stale, or an executor did not recover.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code."""
    args = _parser().parse_args(arguments)
    if args.part:
        return _run_part(args)
    _check_names(args.only)
    facts = summary(_outcomes(args))
    kinds = [{'name': 'faults', **kind} for kind in facts.pop('kinds')]
    write_measurements(args.out, _command(args), kinds, **facts)
    totals = {name: value for name, value in facts.items() if name != 'faults'}
    print(json.dumps(totals, indent=1))
    for item in facts['faults']:
        if item['verdict'] != 'passed':
            print('failed:', json.dumps(item))
    print(f'wrote {args.out}')
    return int(any(totals[name] for name in ('outside_limits', 'stale', 'unrecovered')))


def known_faults() -> set[str]:
    """Return the names of all faults."""
    from benchmarks.faults.catalogue import FAULTS
    from benchmarks.faults.dds_faults import (
        DDS_FAULTS,
        SIMULATED_CLOCK_FAULTS,
        SYSTEM_CLOCK_FAULTS,
    )
    from benchmarks.faults.gripper_faults import GRIPPER_FAULTS
    from benchmarks.faults.in_process import ONLY_HERE
    from benchmarks.faults.stack import STACK_FAULTS

    clocks = {*SIMULATED_CLOCK_FAULTS, *SYSTEM_CLOCK_FAULTS}
    return {*FAULTS, *ONLY_HERE, *DDS_FAULTS, *GRIPPER_FAULTS, *STACK_FAULTS, *clocks}


def _check_names(names: Sequence[str]) -> None:
    """Refuse a fault that there is not."""
    if unknown := sorted(set(names) - known_faults()):
        listed = ', '.join(sorted(known_faults()))
        raise SystemExit(f'--only: got {unknown[0]!r}, expected one of: {listed}')


def _outcomes(args: argparse.Namespace) -> list[Outcome]:
    """Measure every part in a process of its own, some at a time."""
    parts = [(where, robot) for robot in args.robot for where in ('in_process', 'dds')]
    parts += [('stack', robot) for robot in args.robot if robot == ROBOTS[0]]
    counts = {'in_process': args.in_process, 'dds': args.over_dds, 'stack': args.stack}
    waiting = [part for part in parts if counts[part[0]]]
    running: list[tuple[subprocess.Popen[bytes], Path]] = []
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory() as folder, _ended(running):
        while waiting or running:
            while waiting and len(running) < args.jobs:
                where, robot = waiting.pop(0)
                path = Path(folder) / f'{where}_{len(waiting)}.json'
                command = [sys.executable, '-m', 'benchmarks.faults', '--part', where]
                command += ['--robot', robot, '--seed', str(args.seed), '--out', str(path)]
                command += ['--in-process', str(counts[where])]
                command += ['--only', *args.only] if args.only else []
                # A session of its own: it ends with all its nodes.
                running.append((subprocess.Popen(command, start_new_session=True), path))
            time.sleep(_LOOK_S)
            for child, path in [item for item in running if item[0].poll() is not None]:
                running.remove((child, path))
                if child.returncode != 0:
                    raise RuntimeError(f'{path.stem}: ended with {child.returncode}, expected 0')
                outcomes += [from_facts(item) for item in json.loads(path.read_text())]
    return outcomes


@contextmanager
def _ended(running: list[tuple[subprocess.Popen[bytes], Path]]) -> Iterator[None]:
    """End what still runs, also when this process is ended."""
    before = signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        yield
    finally:
        for child, _ in running:
            os.killpg(child.pid, signal.SIGKILL)
        signal.signal(signal.SIGTERM, before)


def _run_part(args: argparse.Namespace) -> int:
    outcomes = [asdict(outcome) for outcome in _part(args.part, args.robot[0], args)]
    args.out.write_text(json.dumps(outcomes))
    return 0


def _part(part: str, robot: str, args: argparse.Namespace) -> Any:
    count, names = args.in_process, set(args.only)
    if part == 'in_process':
        from benchmarks.faults.in_process import run_robot

        return run_robot(robot, count, args.seed, names)
    os.environ.update(loopback_environment(os.environ))
    import rclpy

    from benchmarks.faults import over_dds, stack

    domain, lock = claim_domain()
    locks = [lock]
    while others := _others(domain):
        print(f'domain {domain}: got the nodes {others}, expected none; taking another one')
        domain, lock = claim_domain()
        locks.append(lock)
    os.environ['ROS_DOMAIN_ID'] = str(domain)
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    run = over_dds.run_robot if part == 'dds' else stack.run_robot
    try:
        return list(run(robot, count, args.seed, context, names))
    finally:
        for lock in locks:
            lock.close()


def _others(domain: int) -> list[str]:
    """Return the nodes that somebody runs on a domain without claiming it."""
    import rclpy

    context = rclpy.Context()
    rclpy.init(args=[], context=context, domain_id=domain)
    node = rclpy.create_node('looker', context=context)
    time.sleep(_DISCOVERY_S)
    names = [name for name in node.get_node_names() if name != 'looker']
    node.destroy_node()
    rclpy.shutdown(context=context)
    return names


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.faults',
        description='Inject faults around the executor and check every command.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--robot', nargs='+', default=list(ROBOTS), choices=ROBOTS, help='default: all'
    )
    for name, default, text in (
        ('--in-process', 1450, 'faults of each robot in process'),
        ('--over-dds', 75, 'faults of each robot over DDS'),
        ('--stack', 40, 'faults of all nodes of the simulated Franka'),
        ('--jobs', 2, 'parts to measure at a time'),
        ('--seed', 0, 'seed of all that is random'),
    ):
        parser.add_argument(
            name, type=int, default=default, metavar='N', help=f'{text} (default: {default})'
        )
    parser.add_argument('--only', nargs='+', default=[], metavar='FAULT', help='default: all')
    parser.add_argument('--out', type=Path, default=Path('benchmarks/out/faults.json'))
    parser.add_argument('--part', default='', help=argparse.SUPPRESS)
    return parser


def _command(args: argparse.Namespace) -> str:
    words = ['python', '-m', 'benchmarks.faults', '--seed', str(args.seed)]
    words += ['--in-process', str(args.in_process), '--over-dds', str(args.over_dds)]
    words += ['--stack', str(args.stack)]
    words += [] if args.robot == list(ROBOTS) else ['--robot', *args.robot]
    words += ['--only', *args.only] if args.only else []
    return shlex.join(words)


if __name__ == '__main__':
    sys.exit(main())
