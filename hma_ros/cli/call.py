# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma call``: the services of running nodes, for machines without the ``ros2`` command."""

import argparse
import os

from hma_ros.cli.numbers import positive_number
from hma_ros.core.errors import ConfigError, MessageError

# What the executor serves; `reset` is of the simulated robot.
SERVICES = ('stop', 'resume', 'approve')
EXAMPLES = """\
examples:
  hma call robot:=ur5e stop                        the robot brakes, and stays at rest
  hma call robot:=ur5e namespace:=left resume      start again from the measured position
  hma call robot:=ur5e approve                     follow chunks, with require_approval:=true
  hma call robot:=franka sim:=true reset --seed 7  another episode, from its start

Give robot, sim, namespace and network as with hma run predict. A process must start and discover
the nodes first, which takes a second or more: keep the emergency stop at hand.
"""
_ARGUMENTS = ('robot', 'sim', 'namespace', 'network')


def add_parser(subparsers: 'argparse._SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add ``call``."""
    parser = subparsers.add_parser(
        'call',
        help='stop, resume or approve a running robot, or reset a simulated one',
        description='Call a service of running nodes once, and print the answer; exit code 1 '
        'means that it refused.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'words',
        nargs='+',
        metavar='name:=value, WORD',
        help=f'{", ".join(_ARGUMENTS)}, and one of {", ".join((*SERVICES, "reset"))}',
    )
    parser.add_argument(
        '--seed', type=int, default=0, metavar='N', help='episode of reset (default: 0)'
    )
    parser.add_argument(
        '--timeout',
        type=positive_number,
        default=10.0,
        metavar='S',
        help='seconds to wait (default: 10)',
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Call, and print the answer; 1 if it is a refusal."""
    from hma_ros.bringup import Bringup, network_of, parse_request, refuse_unknown
    from hma_ros.cli.run import parse_pairs

    pairs = parse_pairs([word for word in args.words if ':=' in word])
    refuse_unknown(pairs, _ARGUMENTS)
    request = parse_request(pairs)
    word = _word([word for word in args.words if ':=' not in word], request.sim)
    bringup = Bringup(request.namespace, (), network_of(request))
    # Speak where the nodes listen.
    os.environ.update(bringup.environment(os.environ))
    try:
        if word == 'reset':
            return _reset(request.namespace, args.seed, args.timeout)
        return _trigger(request.namespace, word, args.timeout)
    except MessageError as error:
        raise ConfigError(f'{error}; see whether the nodes run, and where: {_HINT}') from error


def _trigger(namespace: str, word: str, timeout_s: float) -> int:
    from hma_ros.ros.service_caller import ServiceCaller

    with ServiceCaller(namespace, timeout_s) as caller:
        is_done, text = caller.trigger(f'action_executor/{word}')
    print(f'{word}: {text or "done"}' if is_done else f'{word}: refused: {text}')
    return 0 if is_done else 1


def _reset(namespace: str, seed: int, timeout_s: float) -> int:
    from hma_ros.ros.episode_client import EpisodeClient
    from hma_ros.ros.service_caller import ServiceCaller
    from hma_ros.srv import ResetEpisode

    # Before any node is deactivated for it.
    with ServiceCaller(namespace, timeout_s) as caller:
        caller.find(ResetEpisode, 'sim_robot/reset')
    with EpisodeClient(namespace, timeout_s=timeout_s) as client:
        client.begin(seed)
    print(f'reset: episode {seed} began')
    return 0


_HINT = 'robot, sim, namespace, network and ROS_DOMAIN_ID must be those of hma run predict'


def _word(words: list[str], simulated: bool) -> str:
    known = (*SERVICES, 'reset')
    if len(words) != 1 or words[0] not in known:
        raise ConfigError(
            f'call: got {" ".join(words) or "no word"}, expected {" or ".join(known)}; '
            'see hma call --help'
        )
    if words[0] == 'reset' and not simulated:
        raise ConfigError('call: got reset of a real robot, expected sim:=true with it')
    return words[0]
