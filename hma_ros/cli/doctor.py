# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma doctor``: check everything that can be checked before a robot moves."""

import argparse
import os
from collections.abc import Sequence

from hma_ros.cli.finding import Finding, Level

EXAMPLES = """\
examples:
  hma doctor                             this machine alone; what runs a model needs a robot
  hma doctor robot:=franka sim:=true     and the simulator and the bundle
  hma doctor robot:=ur5e                 and the topics of the running driver and camera
  hma doctor robot:=ur5e bundle:=/data/my_bundle namespace:=left

Exit code 1 when a line says FAIL.
"""


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
        '--timeout', type=float, default=5.0, metavar='S', help='wait for topics (default: 5 s)'
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the findings; 1 when something fails, else 0."""
    from hma_ros.bringup import Bringup, parse_request
    from hma_ros.cli.machine_checks import check_machine, check_setup
    from hma_ros.cli.run import parse_pairs

    findings = check_machine()
    print_findings(findings)
    if not args.values:
        return _conclude(findings)
    request = parse_request(parse_pairs(args.values))
    setup, spec = check_setup(request)
    print_findings(setup)
    findings += setup
    if spec is not None and not any(_is_missing_ros(finding) for finding in findings):
        from hma_ros.cli.topic_checks import check_topics

        if request.sim:
            # A simulated robot speaks on this machine only; listen there.
            network = Bringup(request.namespace, (), request.sim)
            os.environ.update(network.environment(os.environ))
        topics = check_topics(spec, request.namespace, args.timeout)
        print_findings(topics)
        findings = [*findings, *topics]
    return _conclude(findings)


def print_findings(findings: Sequence[Finding]) -> None:
    """Print one line for each finding, and its remedy below it."""
    for finding in findings:
        print(f'{finding.level.value:<5}{finding.subject}: {finding.text}', flush=True)
        if finding.remedy:
            print(f'     -> {finding.remedy}', flush=True)


def _is_missing_ros(finding: Finding) -> bool:
    return finding.subject == 'rclpy' and finding.level is not Level.OK


def _conclude(findings: Sequence[Finding]) -> int:
    count = {level: sum(finding.level is level for finding in findings) for level in Level}
    print(f'{count[Level.OK]} ok, {count[Level.WARN]} WARN, {count[Level.FAIL]} FAIL')
    return 1 if count[Level.FAIL] else 0
