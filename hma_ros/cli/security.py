# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma security``: write the SROS 2 policy of a robot's nodes."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = """\
examples:
  hma security robot:=franka --out keystore
      the real robot's nodes; the executor may command
  hma security robot:=ur5e mode:=shadow namespace:=left --out keystore
      nodes below /left; nobody may command
  hma security robot:=franka sim:=true --out keystore
      with the simulated robot

Writes KEYSTORE/policies/ROBOT.policy.xml; `ros2 security` makes keys and permissions of it.
See docs/how-to/secure-the-network.md.
"""
ARGUMENTS = ('robot', 'sim', 'mode', 'namespace')


def add_parser(subparsers: 'argparse._SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add ``security``."""
    parser = subparsers.add_parser(
        'security',
        help='write the SROS 2 policy of the nodes of a robot',
        description='Write which node may publish, subscribe and call what; only the executor may '
        'command the robot. The topics are those of the embodiment file.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'values',
        nargs='+',
        metavar='name:=value',
        help=f'{", ".join(ARGUMENTS)}, as with hma run predict; mode is execute by default',
    )
    parser.add_argument('--out', required=True, metavar='KEYSTORE', help='folder; made if missing')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the policy and say what comes next."""
    from pathlib import Path

    from hma_ros.cli.run import parse_pairs

    out = Path(args.out)
    path = write_policy(parse_pairs(args.values), out)
    print(f'{path}: the policy; next, with ROS_DOMAIN_ID as on the robot:')
    print(f'  ros2 security generate_artifacts -k {out} -p {path}')
    return 0


def write_policy(values: dict[str, str], keystore: 'Path') -> 'Path':
    """
    Write the policy file of a robot.

    :param values: some of ``ARGUMENTS`` by name.
    :param keystore: folder; made if it is not there.
    :returns: the file.
    :raises ConfigError: an unknown argument or robot, another policy that is there already, or a
        folder that cannot be written.
    """
    from hma_ros.bringup import check_request, parse_request, refuse_unknown
    from hma_ros.core.embodiment import embodiment_path, load_embodiment
    from hma_ros.core.errors import ConfigError
    from hma_ros.core.security.policy import policy

    refuse_unknown(values, ARGUMENTS)
    request = parse_request({'mode': 'execute', **values})
    check_request(request)
    spec = load_embodiment(embodiment_path(request.robot, request.sim))
    path = keystore / 'policies' / f'{spec.name}.policy.xml'
    text = policy(spec, request.namespace, request.mode)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.read_text(encoding='utf-8') != text:
            raise ConfigError(
                f'{path}: got a policy that differs from the one to write, expected none; move it '
                'away, or choose another --out'
            )
        path.write_text(text, encoding='utf-8')
    except OSError as error:
        raise ConfigError(
            f'{path}: got {error}, expected a folder to write to; see --out'
        ) from error
    return path
