# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Writes LeRobot v3 data sets of simulators of others, with an embodiment file beside each.

It needs an environment of its own: see requirements.txt. Import what it wrote like anybody's data:
``hma data import lerobot SET --embodiment SET/NAME.yaml --out data/NAME``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault('MUJOCO_GL', 'egl')

import numpy as np

from benchmarks.external_data.domain import Domain
from benchmarks.external_data.embodiment_file import write_embodiment
from benchmarks.external_data.lerobot_file import LeRobotFile

_METAWORLD = ('reach', 'push', 'drawer-open', 'door-open', 'button-press-topdown', 'window-open')
_ARMS = ('Panda', 'Sawyer', 'IIWA', 'UR5e', 'Kinova3')
# A third is disturbed, a tenth random: without failures nothing could be told apart.
_SHARES = (('expert', 0.57), ('noisy', 0.33), ('random', 0.1))


def _lift(arm: str, controller: str = 'OSC_POSE') -> Callable[[], Domain]:
    def make() -> Domain:
        from benchmarks.external_data.robosuite_lift import Lift

        return Lift(arm, controller)

    return make


def _metaworld(task: str) -> Callable[[], Domain]:
    def make() -> Domain:
        from benchmarks.external_data.metaworld_task import MetaworldTask

        return MetaworldTask(f'{task}-v3')

    return make


def _fetch(task: str) -> Callable[[], Domain]:
    def make() -> Domain:
        from benchmarks.external_data.fetch_task import FetchTask

        return FetchTask(task)

    return make


def _pusht() -> Domain:
    from benchmarks.external_data.pusht_task import PushT

    return PushT()


DOMAINS: dict[str, Callable[[], Domain]] = {
    **{f'robosuite_{arm.lower()}_lift_osc_pose': _lift(arm) for arm in _ARMS},
    'robosuite_sawyer_lift_osc_position': _lift('Sawyer', 'OSC_POSITION'),
    'robosuite_panda_lift_joint_position': _lift('Panda', 'JOINT_POSITION'),
    **{f'metaworld_{task.replace("-", "_")}': _metaworld(task) for task in _METAWORLD},
    **{f'fetch_{task.lower()}': _fetch(task) for task in ('Reach', 'Push', 'PickAndPlace')},
    'pusht': _pusht,
}


def main() -> int:
    """Write the data sets that are asked for and not yet there."""
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.external_data',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--out', type=Path, required=True, metavar='DIR', help='folder of the sets'
    )
    parser.add_argument('--episodes', type=int, default=30, metavar='N', help='of each set (30)')
    parser.add_argument('--seed', type=int, default=0, metavar='N')
    parser.add_argument(
        '--domains', nargs='+', choices=list(DOMAINS), default=list(DOMAINS), metavar='NAME',
        help=f'of {", ".join(DOMAINS)} (default: all)',
    )  # fmt: skip
    args = parser.parse_args()
    for name in args.domains:
        folder = args.out / name
        if folder.exists():
            print(f'{folder}: is there')
            continue
        _record(name, folder, args.episodes, args.seed)
    return 0


def _record(name: str, folder: Path, episodes: int, seed: int) -> None:
    begin_s = time.monotonic()
    domain = DOMAINS[name]()
    part = folder.with_name(f'{name}.part')
    shutil.rmtree(part, ignore_errors=True)  # of a recording that was interrupted
    file = LeRobotFile(part, domain.robot, domain.robot.description)
    good: dict[str, list[bool]] = {}
    for index in range(episodes):
        kind = _kind(index, episodes)
        file.add(domain.episode(kind, np.random.default_rng([seed, index])))
        file.judge(domain.is_success)
        good.setdefault(kind, []).append(domain.is_success)
    file.close()
    domain.close()
    write_embodiment(part / f'{name}.yaml', domain.robot)
    part.rename(folder)
    rates = ', '.join(f'{kind} {sum(found)}/{len(found)}' for kind, found in good.items())
    print(f'{folder}: succeeded: {rates}; {time.monotonic() - begin_s:.0f} s', flush=True)


def _kind(index: int, count: int) -> str:
    place, end = (index + 0.5) / count, 0.0
    for kind, share in _SHARES:
        end += share
        if place < end:
            return kind
    return _SHARES[-1][0]


if __name__ == '__main__':
    raise SystemExit(main())
