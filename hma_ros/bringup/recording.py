# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Check that a recording can start before the robot moves: it would otherwise move unrecorded."""

import importlib.util
from pathlib import Path

from hma_ros.core.errors import ConfigError
from hma_ros.core.writable import is_writable

_PACKAGES = ('rosbags', 'ros2bag')


def check_recording(folder: Path) -> None:
    """
    Refuse a bag that cannot be written.

    :param folder: of the bag, which need not be there.
    :raises ConfigError: the folder above cannot be written, or nothing here writes bags.
    """
    if not is_writable(folder.parent):
        raise ConfigError(
            f'record: {folder.parent.absolute()}: got a folder that cannot be made or written, '
            'expected a writable one for the bag; start in another folder, or do not record'
        )
    if all(importlib.util.find_spec(name) is None for name in _PACKAGES):
        raise ConfigError(
            f'record: got neither of the packages {" and ".join(_PACKAGES)}, expected one that '
            'writes bags; pip install rosbags, or apt-get install ros-$ROS_DISTRO-ros2bag'
        )
