# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
From a robot of others to a policy: record, import, inspect, fine-tune, export, shadow, execute.

The robot is a Sawyer of metaworld that presses a button (my_sawyer.yaml), behind ROS topics. The
steps call the commands that a user types, each with its output in OUT; seconds and successes go to
a JSON file after each step. Prepare the simulators as docs/how-to/use-external-simulators.md says.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

ROBOT = Path(__file__).with_name('my_sawyer.yaml')
# Starts that no demonstration has: see simulator.py.
_HELD_OUT = 1000
_LONGEST_S = 8.0
_NODES = ('action_executor', 'world_model')
_END_S = 60.0


@dataclass(frozen=True)
class Day:
    """
    What the steps share.

    :param out: folder of bag, data set, run, bundle and logs.
    :param factor: of real time, for the robot.
    """

    out: Path
    simulators: Path
    factor: float
    demonstrations: int
    starts: int
    init: str
    finetune: tuple[str, ...]

    @property
    def bundle(self) -> Path:
        """Where the policy is exported to."""
        return self.out / 'bundle'


def main() -> int:
    """Run the steps that are asked for."""
    args = _arguments()
    day = Day(
        args.out.absolute(),
        args.simulators.absolute(),
        args.factor,
        args.demonstrations,
        args.starts,
        args.init,
        tuple(args.finetune.split()),
    )
    day.out.mkdir(parents=True, exist_ok=True)
    for name in args.steps:
        begin_s = time.monotonic()
        facts = STEPS[name](day)
        facts = {'name': 'the_day', 'step': name, 'seconds': _seconds(begin_s), **facts}
        keep(args.json, facts, _command(args))
        print(json.dumps(facts), flush=True)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.the_day',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('--simulators', type=Path, required=True, metavar='PYTHON', help='of their environment')
    add('--out', type=Path, default=Path('day'), metavar='DIR', help='what the steps make (day)')
    add('--json', type=Path, default=Path('benchmarks/out/the_day.json'), metavar='FILE')
    add('--steps', nargs='+', choices=list(STEPS), default=list(STEPS), metavar='STEP',
        help=f'of {", ".join(STEPS)} (default: all, in this order)')  # fmt: skip
    add('--factor', type=float, default=0.5, metavar='X', help='of real time (0.5)')
    add('--demonstrations', type=int, default=30, metavar='N', help='(30)')
    add('--starts', type=int, default=50, metavar='N', help='held-out starts to judge (50)')
    add('--init', default='hma_sim', metavar='SRC', help='model to start from (hma_sim)')
    add('--finetune', default='', metavar='OPTIONS', help='more options of hma finetune')
    return parser.parse_args()


def record(day: Day) -> dict[str, Any]:
    """Let the expert demonstrate while ``hma record`` runs."""
    from benchmarks.the_day.operator import Operator

    command = [*_hma(), 'record', f'robot:={ROBOT}', 'use_sim_time:=true', '--out']
    with (
        _robot(day),
        _process([*command, str(day.out / 'bag')], day.out / 'record.log'),
        Operator() as operator,
    ):
        good = [
            operator.demonstrate(start, _LONGEST_S, marks=True)
            for start in range(day.demonstrations)
        ]
    return {'episodes': len(good), 'successes': sum(good), 'real_time_factor': day.factor}


def import_bag(day: Day) -> dict[str, Any]:
    """Make a data set of the bag."""
    _run(day, 'import', 'data', 'import', 'bag', day.out / 'bag', '--out', day.out / 'set')
    info = json.loads((day.out / 'set/meta/info.json').read_text())
    return {'episodes': info['total_episodes'], 'model_steps': info['total_frames']}


def inspect(day: Day) -> dict[str, Any]:
    """Judge the data set; a finding does not end the day."""
    text = _run(day, 'inspect', 'data', 'inspect', day.out / 'set', allowed=(0, 1))
    return {'findings': [line[2:] for line in text.splitlines() if line.startswith('- ')]}


def finetune(day: Day) -> dict[str, Any]:
    """Learn a policy."""
    data = ('--data', day.out / 'set', '--out', day.out / 'run')
    _run(day, 'finetune', 'finetune', '--init', day.init, *data, *day.finetune)
    return {'init': day.init, 'options': list(day.finetune)}


def export(day: Day) -> dict[str, Any]:
    """Write the bundle."""
    _run(day, 'export', 'export', day.out / 'run', '--out', day.bundle)
    size = sum(path.stat().st_size for path in day.bundle.rglob('*') if path.is_file())
    return {'megabytes': round(size / 1e6, 1)}


def shadow(day: Day) -> dict[str, Any]:
    """Predict while the expert moves the robot."""
    from benchmarks.the_day.operator import Operator

    with _robot(day), _nodes(day, 'shadow'), Operator() as operator:
        operator.activate(_NODES)
        chunks = operator.count_chunks()
        good = [operator.demonstrate(_HELD_OUT + index, _LONGEST_S) for index in range(3)]
        return {'episodes': len(good), 'chunks': len(chunks), 'real_time_factor': day.factor}


def execute(day: Day) -> dict[str, Any]:
    """Let the policy act from starts that no demonstration had."""
    from hma_ros.ros.episode_client import EpisodeClient

    # The robot counts as a real one; this script is the person beside it.
    with (
        _robot(day),
        _nodes(day, 'execute'),
        EpisodeClient(nodes=_NODES, simulated_only=False) as client,
    ):
        found = []
        for start in range(_HELD_OUT, _HELD_OUT + day.starts):
            found.append(client.run(start, _LONGEST_S))
            print(f'start {start}: {"success" if found[-1].success else "failure"}', flush=True)
    good = [item for item in found if item.success]
    return {
        'episodes': len(found),
        'successes': len(good),
        'real_time_factor': day.factor,
        'sim_time_s': round(mean(item.sim_time_s for item in good), 2) if good else None,
    }


STEPS: dict[str, Callable[[Day], dict[str, Any]]] = {
    'record': record,
    'import': import_bag,
    'inspect': inspect,
    'finetune': finetune,
    'export': export,
    'shadow': shadow,
    'execute': execute,
}


def _hma() -> list[str]:
    return [str(Path(sys.executable).with_name('hma'))]


def _run(day: Day, name: str, *words: Any, allowed: tuple[int, ...] = (0,)) -> str:
    """Run a command to its end; returns what it printed."""
    path = day.out / f'{name}.log'
    with path.open('w') as log:
        ended = subprocess.run(
            [*_hma(), *map(str, words)], stdout=log, stderr=subprocess.STDOUT, check=False
        )
    if ended.returncode not in allowed:
        raise SystemExit(f'{name}: got exit code {ended.returncode}; see {path}')
    return path.read_text()


@contextmanager
def _robot(day: Day) -> Iterator[None]:
    module = [sys.executable, '-m', 'benchmarks.the_day.robot']
    options = ['--simulators', str(day.simulators), '--factor', str(day.factor)]
    with _process([*module, *options], day.out / 'robot.log'):
        yield


@contextmanager
def _nodes(day: Day, mode: str) -> Iterator[None]:
    words = [f'robot:={ROBOT}', f'bundle:={day.bundle}', f'mode:={mode}', 'use_sim_time:=true']
    command = [*_hma(), 'run', 'predict', *words, 'horizon:=1', 'autostart:=false']
    with _process(command, day.out / f'{mode}.log'):
        yield


@contextmanager
def _process(command: list[str], log: Path) -> Iterator[None]:
    """Run something beside the operator, and end it with Ctrl-C."""
    with log.open('w') as file:
        child = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
        try:
            yield
        finally:
            child.send_signal(signal.SIGINT)
            try:
                child.wait(_END_S)
            except subprocess.TimeoutExpired:
                child.kill()
                raise


def _seconds(begin_s: float) -> float:
    return round(time.monotonic() - begin_s, 1)


def _command(args: argparse.Namespace) -> str:
    """Return what to type to measure again."""
    text = 'python -m benchmarks.the_day --simulators simulators/bin/python'
    for name in ('factor', 'demonstrations', 'starts', 'init', 'finetune'):
        value = getattr(args, name)
        text += f' --{name} {json.dumps(value)}' if value != '' else ''
    return text


def keep(path: Path, facts: dict[str, Any], command: str) -> None:
    """Put the facts of a step in place of those of an earlier run of it."""
    from hma_ros.evaluation.measurements import write_measurements

    before = json.loads(path.read_text())['results'] if path.exists() else []
    kept = [item for item in before if item['step'] != facts['step']]
    order = list(STEPS)
    results = sorted([*kept, facts], key=lambda item: order.index(item['step']))
    write_measurements(path, command, results)


if __name__ == '__main__':
    raise SystemExit(main())
