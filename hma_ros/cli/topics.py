# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma topics``: the topics of a robot, for ``ros2 bag record``."""

import argparse

EXAMPLES = """\
examples:
  hma topics robot:=ur5e
  hma topics robot:=franka sim:=true namespace:=left
  ros2 bag record -s mcap -o run_1 $(hma topics robot:=ur5e)
"""


def add_parser(subparsers: 'argparse._SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add ``topics``."""
    parser = subparsers.add_parser(
        'topics',
        help='print the topics of a robot, for ros2 bag record',
        description='Print the topics that a bag of a robot needs, one per line.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'values',
        nargs='+',
        metavar='name:=value',
        help='robot, sim, namespace, use_sim_time, as with hma run predict',
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the topics."""
    from hma_ros.bringup import parse_request
    from hma_ros.cli.run import parse_pairs
    from hma_ros.core.embodiment import embodiment_path, load_embodiment
    from hma_ros.core.topics import recorded_topics, resolve

    request = parse_request(parse_pairs(args.values))
    spec = load_embodiment(embodiment_path(request.robot, request.sim))
    for topic in recorded_topics(spec, request.use_sim_time):
        print(resolve(topic.name, request.namespace))
    return 0
