# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Records topics with the command ``ros2 bag record``, as a child of this process."""

import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import yaml
from rclpy.node import Node

from hma_ros.core.atomic_file import write_text
from hma_ros.core.errors import ConfigError

_RECORD = ('ros2', 'bag', 'record')
# The name that the command gives to its node.
_NODE = 'rosbag2_recorder'
_HELP_S = 60.0
_SAID = 500
# After SIGINT the command may write for a minute; then it is ended.
_TELL_S, _TELLS = 5.0, 12


def has_ros2_bag() -> bool:
    """Whether the command is installed."""
    return shutil.which('ros2') is not None and importlib.util.find_spec('ros2bag') is not None


class Ros2Bag:
    """
    The running command.

    :param names: full names of the topics.
    :param folder: of the bag.
    :param custom_data: what the bag says of itself.
    :raises ConfigError: the folder above cannot be made, or the command does not start or
        does not say its options.
    """

    def __init__(
        self, node: Node, names: Sequence[str], folder: Path, custom_data: Mapping[str, str]
    ) -> None:
        self._node, self._folder = node, folder
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            known = _options()
            # Humble has no such option: there the metadata are completed at the end.
            self._missing = {} if '--custom-data' in known else dict(custom_data)
            command = _command(known, names, folder, {} if self._missing else custom_data)
            self._child = subprocess.Popen(
                command,
                env=_environment(node),
                stdin=subprocess.DEVNULL,
                # Ctrl-C reaches this process only, which passes it on once.
                start_new_session=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise ConfigError(
                f'record: {folder}: got {error}, expected {" ".join(_RECORD)} to start'
            ) from error

    @property
    def failure(self) -> str | None:
        """Why nothing is recorded any more."""
        code = self._child.poll()
        if code is None:
            return None
        how = f'signal {signal.Signals(-code).name}' if code < 0 else f'exit code {code}'
        return (
            f'{self._folder}: got the end of {" ".join(_RECORD)} with {how}, expected it to '
            'go on; what it wrote until then can be imported'
        )

    def records(self, topic: str) -> bool:
        """Whether a topic is being recorded."""
        listeners = self._node.get_subscriptions_info_by_topic(topic)
        return any(item.node_name == _NODE for item in listeners)

    def holds(self, topic: str, count: int) -> bool:
        """Whether so many messages of a topic are in the bag: nobody can say."""
        return False

    def look(self) -> None:
        """Do nothing: the command looks for publishers itself."""

    def close(self) -> None:
        """End the command, which may write for a minute, and complete the metadata."""
        log, path = self._node.get_logger(), self._folder / 'metadata.yaml'
        is_finished = self._end()
        if not is_finished:
            log.error(
                f'{self._folder}: got {" ".join(_RECORD)} still writing after '
                f'{_TELL_S * _TELLS:g} s, expected its end; it was ended and the bag is '
                'unfinished, what it wrote until then can be imported'
            )
        if not path.exists():
            log.error(f'{path}: got no file, expected a finished bag')
            return
        if self._missing:
            _add_custom_data(path, self._missing)
        if is_finished:
            log.info(f'recorded to {self._folder}')

    def _end(self) -> bool:
        """Ask the command to end; return False where it had to be made to."""
        self._child.send_signal(signal.SIGINT)
        for _ in range(_TELLS):
            if self._ends():
                return True
            self._node.get_logger().info(f'{self._folder}: still writing')
        self._child.terminate()
        if not self._ends():
            self._child.kill()
            self._ends()
        return False

    def _ends(self) -> bool:
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(_TELL_S)
        return self._child.returncode is not None


def _options() -> str:
    """
    Return what the command says of its options, which differ between distributions.

    :raises ConfigError: it fails or says nothing.
    """
    command = (*_RECORD, '--help')
    answer = subprocess.run(command, capture_output=True, text=True, timeout=_HELP_S, check=False)
    if answer.returncode or not answer.stdout.strip():
        # The reason is in the last lines.
        said = answer.stderr.strip()[-_SAID:] or 'no output'
        raise ConfigError(
            f'record: {" ".join(command)}: got {said} with exit code {answer.returncode}, '
            'expected its options; repair the installation of ros2bag'
        )
    return answer.stdout


def _command(
    known: str, names: Sequence[str], folder: Path, custom_data: Mapping[str, str]
) -> list[str]:
    # Without its parent nobody would end it.
    follow = ['setpriv', '--pdeathsig', 'INT'] if shutil.which('setpriv') else []
    command = [*follow, *_RECORD, '--output', str(folder)]
    if custom_data:
        command += ['--custom-data', *(f'{key}={value}' for key, value in custom_data.items())]
    return [*command, *(['--topics'] if '--topics' in known else []), *names]


def _environment(node: Node) -> dict[str, str]:
    """Return the environment of the child, which shares the enclave of the node."""
    enclave = f'{node.get_namespace().rstrip("/")}/{node.get_name()}'
    return {**os.environ, 'ROS_SECURITY_ENCLAVE_OVERRIDE': enclave}


def _add_custom_data(path: Path, custom_data: Mapping[str, str]) -> None:
    metadata = yaml.safe_load(path.read_text(encoding='utf-8'))
    metadata['rosbag2_bagfile_information']['custom_data'] = dict(custom_data)
    write_text(path, yaml.safe_dump(metadata, sort_keys=False))
