# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Whether memory, threads and file descriptors of the nodes stay flat, over hours and cycles."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.faults.processes import System, claim_domain
from hma_ros.bringup import bundle_folder, loopback_environment
from hma_ros.evaluation.measurements import write_measurements

_ROBOT = 'sim_franka'
_NODES = ('sim_robot', 'world_model', 'action_executor')
_EPISODE_S = 20.0
# What allocators and caches may still take after the first tenth.
_FLAT_MIB, _FLAT_SHARE = 4.0, 0.02
# Measurements of a process that are written, of all that were judged: one in two minutes.
_KEPT = 60
_QUANTITIES = ('memory_mib', 'threads', 'descriptors')

EXAMPLES = """\
examples:
  python -m benchmarks.soak                                 2 hours of ROS time, 1,000 cycles
  python -m benchmarks.soak --hours 0.05 --cycles 30        a first impression

Flat means: from the second tenth of the measurements to the last the median memory grew by less
than 4 MiB or 2 %, and neither threads nor file descriptors became more. The exit code is 1 if a
process is not flat.
"""

Sample = dict[str, float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the loop and the cycles; returns the exit code."""
    args = _parser().parse_args(arguments)
    samples: dict[str, dict[str, list[Sample]]] = {}
    durations: dict[str, str] = {}
    with _system() as system:
        if args.hours > 0.0:
            samples['closed loop'] = _loop(system, args.hours, args.speed, args.interval)
            durations['closed loop'] = f'{args.hours:g} h'
    with _system() as system:
        if args.cycles > 0:
            samples['lifecycle'] = _cycles(system, args.cycles)
            durations['lifecycle'] = f'{args.cycles} cycles'
    results = [
        {
            'name': 'soak',
            'process': process,
            'of': kind,
            'duration': durations[kind],
            **_verdict(s),
        }
        for kind, processes in samples.items()
        for process, s in processes.items()
    ]
    command = ['python', '-m', 'benchmarks.soak', '--hours', f'{args.hours:g}']
    command += ['--cycles', str(args.cycles), '--speed', f'{args.speed:g}']
    kept = {
        kind: {process: _thinned(s) for process, s in processes.items()}
        for kind, processes in samples.items()
    }
    write_measurements(args.out, shlex.join(command), results, samples=kept)
    for result in results:
        print(result)
    print(f'wrote {args.out}')
    return int(any(result['verdict'] != 'flat' for result in results))


def _loop(
    system: System, hours: float, speed: float, interval_s: float
) -> dict[str, list[Sample]]:
    """Run episodes for hours of ROS time."""
    from rosgraph_msgs.msg import Clock

    from hma_ros.core.messages.stamp import stamp_ns

    system.spawn('sim_robot', embodiment=_ROBOT, real_time_factor=speed)
    system.spawn('world_model', **_given(horizon=1))
    system.spawn('action_executor', **_given())
    system.watch(Clock, '/clock')
    system.until(lambda: '/clock' in system.last, 'a clock')

    def ros_s() -> float:
        return stamp_ns(system.last['/clock'].clock) * 1e-9

    def is_later(time_s: float) -> bool:
        return ros_s() > time_s

    samples: dict[str, list[Sample]] = {name: [] for name in _NODES}
    start_s, next_s, episode_s, seed = ros_s(), time.monotonic(), ros_s(), 0
    while ros_s() - start_s < 3600.0 * hours:
        before_s = ros_s()
        system.until(partial(is_later, before_s), 'a clock that goes on')
        if ros_s() - episode_s > _EPISODE_S:
            episode_s, seed = ros_s(), seed + 1
            _reset(system, seed)
        if time.monotonic() >= next_s:
            next_s += interval_s
            for name in _NODES:
                samples[name].append({'at': ros_s() - start_s, **_sample(system, name)})
    return samples


def _cycles(system: System, cycles: int) -> dict[str, list[Sample]]:
    """Take executor and world model round the lifecycle; nothing else runs."""
    names = ('world_model', 'action_executor')
    for name in names:
        system.spawn(name, **_given())
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    for cycle in range(cycles):
        for name in names:
            system.until(partial(_is_active, system, name), f'active {name}')
            for transition in ('deactivate', 'cleanup', 'configure', 'activate'):
                if not system.transition(name, transition):
                    raise RuntimeError(f'{name}: {transition} failed\n{system.log(name)[-2000:]}')
            samples[name].append({'at': cycle, **_sample(system, name)})
    return samples


def _is_active(system: System, name: str) -> bool:
    return system.state(name) == 'active'


def _given(**more: object) -> dict[str, object]:
    bundle = str(bundle_folder('hma_sim'))
    return {
        'embodiment': _ROBOT,
        'bundle': bundle,
        'mode': 'execute',
        'use_sim_time': True,
        'autostart': True,
        **more,
    }


def _reset(system: System, seed: int) -> None:
    from hma_ros.srv import ResetEpisode

    system.call(ResetEpisode, 'sim_robot/reset', ResetEpisode.Request(seed=seed))


def _sample(system: System, name: str) -> Sample:
    folder = Path('/proc') / str(system.spawned(name).pid)
    status = dict(
        line.split(':', 1) for line in (folder / 'status').read_text().splitlines() if ':' in line
    )
    return {
        'memory_mib': int(status['VmRSS'].split()[0]) / 1024.0,
        'threads': int(status['Threads']),
        'descriptors': len(list((folder / 'fd').iterdir())),
    }


def _thinned(samples: Sequence[Sample]) -> list[Sample]:
    """Keep as many measurements as show their course, the last one among them."""
    every = -(-len(samples) // _KEPT)
    return [
        {name: round(value, 2) for name, value in item.items()}
        for item in samples[::-1][::every][::-1]
    ]


def _verdict(samples: Sequence[Sample]) -> dict[str, Any]:
    tenth = max(len(samples) // 10, 1)
    first, last = samples[tenth : 2 * tenth] or samples[:1], samples[-tenth:]
    ends = {
        name: {
            end: round(median(item[name] for item in part), 2)
            for end, part in (('first', first), ('last', last))
        }
        for name in _QUANTITIES
    }
    memory = ends['memory_mib']
    is_flat = memory['last'] - memory['first'] < max(_FLAT_MIB, _FLAT_SHARE * memory['first'])
    for name in _QUANTITIES[1:]:
        is_flat = is_flat and ends[name]['last'] <= ends[name]['first']
    return {**ends, 'samples': len(samples), 'verdict': 'flat' if is_flat else 'grows'}


@contextmanager
def _system() -> Iterator[System]:
    """Yield a place for processes, on a domain of its own."""
    domain, lock = claim_domain()
    os.environ.update(loopback_environment(os.environ))
    os.environ['ROS_DOMAIN_ID'] = str(domain)
    import rclpy

    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    with tempfile.TemporaryDirectory() as folder:
        system = System(Path(folder), context)
        try:
            yield system
        finally:
            system.close()
            rclpy.try_shutdown(context=context)
            lock.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.soak',
        description='Watch memory, threads and descriptors of the nodes.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name, default, text in (
        ('--hours', 2.0, 'closed loop, in hours of ROS time; 0 for none'),
        ('--speed', 0.0, 'real-time factor of the simulation; 0 is as fast as possible'),
        ('--interval', 10.0, 'seconds between two measurements of the loop'),
    ):
        parser.add_argument(
            name, type=float, default=default, metavar='N', help=f'{text} (default: {default:g})'
        )
    parser.add_argument(
        '--cycles', type=int, default=1000, metavar='N', help='lifecycle cycles (default: 1000)'
    )
    parser.add_argument('--out', type=Path, default=Path('benchmarks/out/soak.json'))
    return parser


if __name__ == '__main__':
    sys.exit(main())
