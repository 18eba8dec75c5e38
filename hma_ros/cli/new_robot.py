# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma new-robot``: write an embodiment file to fill in, from a shipped one."""

import argparse
import re
from typing import TYPE_CHECKING

from hma_ros.core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = """\
examples:
  hma new-robot my_arm --from ur5e             writes my_arm.yaml here
  hma new-robot my_arm --from so101 --out /data/robots

The file is a copy with a TODO comment at each fact that is your robot's own; it can be read as it
is. Start from the robot whose controller takes the same commands: ur5e (joint trajectories), so101
(joint positions), franka (tool poses), aloha (Interbotix).
"""

# What differs on another robot: by top-level key, or by section and key anywhere below it.
TODOS = {
    'description': 'which robot this is',
    'sources': 'where you read the facts below',
    'stem': 'the stem of your bundle for this action space',
    'camera.topic': 'as `ros2 topic list` shows it, without the leading slash',
    'camera.info_topic': 'of the same camera, or null',
    'camera.transport': 'raw (sensor_msgs/Image), or compressed: a topic that ends in /compressed',
    'camera.encodings': 'jpeg or png; of raw what `ros2 topic echo --field encoding TOPIC` shows',
    'camera.height': 'height and width of the published image',
    'camera.crop': 'the part of the image in which the task happens, or null',
    'camera.max_age_s': 'the oldest image that counts: `hma doctor` shows how old they arrive',
    'state.topic': 'as `ros2 topic list` shows it, without the leading slash',
    'state.joints': "the stem's names; add message_names if the driver calls them otherwise",
    'state.pose': 'the topic of the tool pose, or null without tool poses in action or stem',
    'state.max_age_s': 'the oldest state that counts: `hma doctor` shows how old they arrive',
    'state.frame_id': 'as the header of the message says',
    'action.names': 'of the values of one action, as the stem has them',
    'action.lower': 'lower and upper bound of each value, as the stem has them',
    'action.coordinates': 'what is commanded',
    'rates.frame_hz': 'rates of the stem; command_hz is what the controller follows',
    'commands.interface': 'what your controller takes (docs/reference/embodiments.md)',
    'commands.topic': 'of your controller',
    'commands.coordinates': 'in the order of the message',
    'commands.frame_id': 'of your controller',
    'commands.time_from_start_s': 'how far ahead each point of a trajectory is',
    'commands.group': 'of the driver',
    'gripper.interface': 'what your gripper takes (docs/reference/embodiments.md)',
    'gripper.name': 'of its action or topic',
    'gripper.joint': 'as the driver calls it',
    'gripper.joint_topic': 'joint states that hold joint; leave it out if state.sources has it',
    'gripper.open_position': "open and closed, in the gripper's own unit",
    'limits.lower': 'lower and upper bound of the workspace that you allow',
    'limits.velocity': "well below the robot's own",
    'limits.acceleration': "well below the robot's own",
    'limits.following_error': 'how far the robot may lag before it brakes',
    'stops': 'the topics on which your robot reports that it was stopped',
    'stops.topic': 'as `ros2 topic list` shows it, without the leading slash',
    'home': 'joint positions of a good start, within the limits',
}
_KEY = re.compile(r'(?P<indent> *)(?:- )?(?P<key>[a-z_]+):(?: |$)')
_NAME = re.compile(r'[a-z][a-z0-9_]*')


def add_parser(subparsers: 'argparse._SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add ``new-robot``."""
    parser = subparsers.add_parser(
        'new-robot',
        help='write an embodiment file to fill in',
        description='Write an embodiment file to fill in: a copy of a shipped one of a real '
        'robot, with its comments and a TODO at each fact that is your own.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('name', metavar='NAME', help='name of your robot, and of the file')
    parser.add_argument(
        '--from', required=True, dest='source', metavar='ROBOT', help='shipped robot to start from'
    )
    parser.add_argument('--out', default='.', metavar='FOLDER', help='where (default: here)')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the file and say what comes next."""
    from pathlib import Path

    folder = Path(args.out)
    is_new = not folder.exists()
    path = write_robot(args.name, args.source, folder)
    if is_new:
        print(f'{folder}: got no such folder: made it')
    print(f'{path}: a copy of {args.source}; fill in each TODO, then')
    print(f'  hma check {path}')
    print(f'  hma doctor robot:={path}')
    return 0


def write_robot(name: str, source: str, folder: 'Path') -> 'Path':
    """
    Write the embodiment file of a new robot.

    :param name: of the robot.
    :param source: name of a shipped real robot.
    :param folder: made if it is not there.
    :returns: the file ``NAME.yaml``.
    :raises ConfigError: a name that cannot be, an unknown source, or a file that is there already.
    """
    import yaml

    from hma_ros.bringup import robots
    from hma_ros.core.embodiment import embodiment_folder

    if not _NAME.fullmatch(name) or name.startswith('sim_'):
        raise ConfigError(
            f'NAME: got {name!r}, expected small letters, digits and _, and no sim_ in front '
            '(that is for simulated robots); choose another name'
        )
    if yaml.safe_load(name) != name:
        raise ConfigError(
            f'NAME: got {name!r}, which YAML does not read as a text, expected a name such as '
            f'{name}_arm; choose another name'
        )
    if source not in robots(sim=False):
        names = ', '.join(robots(sim=False))
        raise ConfigError(
            f'--from: got {source!r}, expected one of {names}; choose the most similar'
        )
    text = (embodiment_folder() / f'{source}.yaml').read_text(encoding='utf-8')
    path = folder / f'{name}.yaml'
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open('x', encoding='utf-8') as file:
            file.write(to_fill_in(text, name, source))
    except FileExistsError as error:
        raise ConfigError(
            f'{path}: got a file that exists, expected a new one; choose another NAME or --out'
        ) from error
    except OSError as error:
        raise ConfigError(
            f'{path}: got {error}, expected a folder to write to; see --out'
        ) from error
    return path


def to_fill_in(text: str, name: str, source: str) -> str:
    """
    Rename an embodiment and mark what differs on another robot.

    :param text: the embodiment file of the robot ``source``; its comments stay.
    :returns: the same file with a TODO comment before each fact of ``TODOS``, and without the
        description and the sources, which are of the other robot.
    """
    own = {
        'name': f'name: {name}',
        'description': f'description: {name}, made from the file of {source}',
        'sources': f"sources: ['hma_ros: config/embodiments/{source}.yaml']",
    }
    lines = [f'# TODO: {name} is a copy; each TODO names a fact of your own robot.']
    section = ''
    for line in text.splitlines():
        match = _KEY.match(line)
        if section in own and line.startswith(' '):
            continue
        if match is None:
            lines.append(line)
            continue
        key, is_top = match['key'], not match['indent']
        section = key if is_top else section
        todo = TODOS.get(key if is_top else f'{section}.{key}')
        if todo:
            lines.append(f'{match["indent"]}# TODO: {todo}')
        lines.append(own.get(key, line) if is_top else line)
    return '\n'.join(lines) + '\n'
