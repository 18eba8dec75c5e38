# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma record``: a bag of a robot whose topics are there, with episodes marked by keys."""

import argparse
import os
import sys

EXAMPLES = """\
examples:
  hma record robot:=ur5e                                 a bag below bags/
  hma record robot:=my_arm.yaml namespace:=left --out bags/run_1
  hma data import bag bags/run_1 --out data/mine

keys: b begin, s succeed, f fail, d discard, q quit. Without a terminal, or from another one:
  ros2 service call /bag_recorder/begin std_srvs/srv/Trigger
"""
# The arguments of a bringup that a recorder has a use for.
_ARGUMENTS = ('robot', 'sim', 'namespace', 'network', 'use_sim_time', 'log_level')


def add_parser(subparsers: 'argparse._SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add ``record``."""
    parser = subparsers.add_parser(
        'record',
        help='record a robot to a bag, and mark episodes',
        description='Record the topics of a robot to a rosbag2 bag that holds the embodiment '
        'file, until q or Ctrl-C. If ros2 bag is installed, it writes the bag.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('values', nargs='+', metavar='name:=value', help=', '.join(_ARGUMENTS))
    parser.add_argument(
        '--out', default='', metavar='FOLDER', help='folder of the bag (default: bags/ROBOT_TIME)'
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Become the recorder."""
    from hma_ros.bringup import describe_recording, parse_request, refuse_unknown
    from hma_ros.cli.run import parse_pairs
    from hma_ros.cli.supervisor import command_line

    pairs = parse_pairs(args.values)
    refuse_unknown(pairs, _ARGUMENTS)
    bringup = describe_recording(parse_request(pairs), args.out, keys=sys.stdin.isatty())
    command = command_line(bringup.processes[0], bringup.namespace)
    sys.stdout.flush()
    # Signals and keys then reach the recorder itself.
    return os.execve(command[0], command, {**os.environ, **bringup.environment(os.environ)})  # noqa: S606
