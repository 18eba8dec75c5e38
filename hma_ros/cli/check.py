# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma check``: check an embodiment file without a running robot."""

import argparse

EXAMPLES = """\
examples:
  hma check my_arm.yaml                        is it valid, and do its numbers make sense?
  hma check my_arm.yaml bundle:=/data/mine     does the bundle fit it?
  hma check ur5e                               a shipped file, by its name; also robot:=ur5e

Each line names the key to change. Nothing of the robot needs to run, and ROS need not be
installed. Exit code 1 when a line says FAIL. With the driver running, `hma doctor` looks further.
"""


def add_parser(subparsers: 'argparse._SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add ``check``."""
    parser = subparsers.add_parser(
        'check',
        help='check an embodiment file without a running robot',
        description='Read an embodiment file as the nodes do, then check whether its numbers are '
        'plausible: limits, rates, velocities, home, crop, gripper, stops, message types.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'file', metavar='[robot:=]FILE', help='a .yaml file, or the name of a shipped one'
    )
    parser.add_argument(
        'values', nargs='*', default=[], metavar='bundle:=BUNDLE', help='compare with a bundle'
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the findings; 1 when something fails, else 0."""
    from hma_ros.cli.checks.embodiment import check_file
    from hma_ros.cli.checks.finding import conclude, print_findings
    from hma_ros.cli.run import parse_pairs
    from hma_ros.core.errors import ConfigError

    first = args.file if ':=' in args.file else f'robot:={args.file}'
    values = parse_pairs([first, *args.values])
    if unknown := sorted(set(values) - {'robot', 'bundle'}):
        raise ConfigError(f'arguments: got {unknown[0]!r}, expected bundle:=BUNDLE or nothing')
    if 'robot' not in values:
        raise ConfigError('robot: got nothing, expected FILE or robot:=FILE')
    findings = check_file(values['robot'], values.get('bundle'))
    print_findings(findings)
    return conclude(findings)
