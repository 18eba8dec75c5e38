# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma run``: start what a bringup describes, without ros2 launch."""

import argparse
from collections.abc import Sequence

from hma_ros.bringup import ARGUMENTS, Argument, Bringup
from hma_ros.core.errors import ConfigError

PREDICT_EXAMPLES = """\
examples:
  hma run predict robot:=franka sim:=true
      a simulated arm in shadow mode: imagine and report, command nothing
  hma run predict robot:=franka sim:=true mode:=execute seed:=7
      the policy moves the simulated arm, starting from episode 7
  hma run predict robot:=ur5e bundle:=/data/my_bundle namespace:=left
      a real robot in shadow mode; topics below /left
  hma run predict robot:=so101 sim:=true record:=true params_file:=mine.yaml
      record a bag; take parameters from a file of your own
  hma run predict robot:=so101 sim:=true --dry-run
      print the commands only
"""

DEMO_EXAMPLES = """\
examples:
  hma run demo
      the Franka arm at 0.3 of real time; images in demo/
  hma run demo --robot planar --out /tmp/planar
      another robot, images elsewhere
  hma run demo --real-time-factor 0.1
      on a slow machine: more time for each step, so more frames are imagined
"""


def add_parser(subparsers: 'argparse._SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add ``run predict`` and ``run demo``."""
    parser = subparsers.add_parser('run', help='run the nodes of a robot, or the demo')
    targets = parser.add_subparsers(dest='target', metavar='TARGET', required=True)
    predict = targets.add_parser(
        'predict',
        help='run the nodes on a robot or a simulated robot',
        description='Start the nodes of a robot and stop them together. Arguments:\n\n'
        + '\n'.join(_describe(argument) for argument in ARGUMENTS),
        epilog=PREDICT_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    predict.add_argument('values', nargs='+', metavar='name:=value', help='as with ros2 launch')
    predict.add_argument('--dry-run', action='store_true', help='print the commands, run nothing')
    predict.set_defaults(run=run)
    demo = targets.add_parser(
        'demo',
        help='run three episodes on a simulated robot',
        description='Let the shipped model move a simulated robot through three episodes, with\n'
        'the nodes and topics of a real one. Prints how far ahead it imagines, successes and\n'
        'latencies, and writes a strip and an animation of observed and imagined frames.',
        epilog=DEMO_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    demo.add_argument('--robot', default='franka', help='simulated robot (default: franka)')
    demo.add_argument('--out', default='demo', metavar='FOLDER', help='results (default: demo)')
    demo.add_argument(
        '--real-time-factor',
        type=float,
        default=0.3,
        metavar='X',
        help='speed of the simulation (default: 0.3: two cores can then imagine far ahead; '
        'lower it on a slow machine)',
    )
    demo.set_defaults(run=run_demo)


def run(args: argparse.Namespace) -> int:
    """Run the nodes until Ctrl-C (0), or until one ends without which nothing goes (1)."""
    from hma_ros.bringup import describe, parse_request

    bringup = describe(parse_request(parse_pairs(args.values)))
    if args.dry_run:
        _print_commands(bringup)
        return 0
    from hma_ros.cli.supervisor import supervise

    return supervise(bringup)


def run_demo(args: argparse.Namespace) -> int:
    """Run the demonstration."""
    from hma_ros.cli import demo

    return int(demo.run(args))


def parse_pairs(texts: Sequence[str]) -> dict[str, str]:
    """
    Split ``name:=value`` texts.

    :raises ConfigError: a text has no ``:=``, or a name comes twice.
    """
    pairs: dict[str, str] = {}
    for text in texts:
        name, separator, value = text.partition(':=')
        if not separator or not name:
            raise ConfigError(
                f'arguments: got {text!r}, expected name:=value, such as robot:=franka'
            )
        if name in pairs:
            raise ConfigError(f'{name}: got {pairs[name]!r} and {value!r}, expected one value')
        pairs[name] = value
    return pairs


def _describe(argument: Argument) -> str:
    setting = argument.setting
    note = f'default {setting.default_text or "empty"}'
    note = 'required' if setting.default is None else note
    allowed = f'; {setting.expectation}' if setting.choices or setting.low is not None else ''
    return f'  {argument.name:<20}{setting.description} ({note}{allowed})'


def _print_commands(bringup: Bringup) -> None:
    import os
    import shlex

    from hma_ros.cli.supervisor import command_line

    for name, value in bringup.environment(os.environ).items():
        print(f'export {name}={shlex.quote(value)}')
    for process in bringup.processes:
        print(f'# {process.reason}')
        print(shlex.join(command_line(process, bringup.namespace)))
