# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma doctor``: check everything that can be checked before a robot moves."""

import argparse
import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hma_ros.cli.checks.finding import Finding, Level, conclude, print_findings
from hma_ros.core.short_text import shortened

if TYPE_CHECKING:
    from hma_ros.bringup import Request
    from hma_ros.core.embodiment import EmbodimentSpec

EXAMPLES = """\
examples:
  hma doctor                             this machine only
  hma doctor robot:=franka sim:=true     also the simulator and the bundle
  hma doctor robot:=ur5e                 also the topics of the running driver and camera
  hma doctor robot:=my_arm.yaml bundle:=/data/my_bundle namespace:=left
  hma doctor robot:=ur5e mode:=execute   before the robot moves: nobody else may command it

Decodes real messages with the code of the nodes, and names the key of the embodiment file to
change. `hma check` judges the file alone.

Exit code 1 when a line says FAIL.
"""

_TIMEOUT_S = (0.1, 600.0)


def add_parser(subparsers: 'argparse._SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add ``doctor``."""
    parser = subparsers.add_parser(
        'doctor',
        help='check a robot, its camera, the bundle and this machine',
        description='Check everything that can be checked before a robot moves. '
        'Nothing is commanded. Each line says what to do about it.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('values', nargs='*', metavar='name:=value', help='as with hma run predict')
    parser.add_argument(
        '--timeout',
        type=_timeout_s,
        default=5.0,
        metavar='S',
        help=f'wait for topics, {_TIMEOUT_S[0]:g} to {_TIMEOUT_S[1]:g} s (default: 5)',
    )
    parser.set_defaults(run=run)


def _timeout_s(text: str) -> float:
    low, high = _TIMEOUT_S
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(
            f'got {shortened(text)}, expected seconds from {low:g} to {high:g}'
        )
    return value


def run(args: argparse.Namespace) -> int:
    """Print the findings; 1 when something fails, else 0."""
    from hma_ros.bringup import parse_request
    from hma_ros.cli.checks.machine import check_machine, check_setup
    from hma_ros.cli.run import parse_pairs

    request = parse_request(parse_pairs(args.values)) if args.values else None
    findings = check_machine()
    print_findings(findings)
    if request is None:
        return conclude(findings)
    setup, spec = check_setup(request)
    print_findings(setup)
    findings += setup
    if spec is not None and _can_listen(findings):
        topics = _check_topics(request, spec, args.timeout)
        print_findings(topics)
        findings += topics
    return conclude(findings)


def _check_topics(request: 'Request', spec: 'EmbodimentSpec', timeout_s: float) -> list[Finding]:
    from hma_ros.bringup import Bringup, network_of

    # Listen where the nodes will speak.
    bringup = Bringup(request.namespace, (), network_of(request))
    os.environ.update(bringup.environment(os.environ))
    from hma_ros.cli.checks.topics import check_topics

    executes = request.mode == 'execute'
    return check_topics(spec, request.namespace, timeout_s, request.use_sim_time, executes)


def _can_listen(findings: Sequence[Finding]) -> bool:
    """Whether ROS is there, and its environment does not end the process."""
    needed = ('rclpy', 'Fast DDS', 'ROS_DOMAIN_ID', 'logs')
    return all(
        finding.level is not Level.FAIL
        and (finding.subject, finding.level) != ('rclpy', Level.WARN)
        for finding in findings
        if finding.subject in needed
    )
