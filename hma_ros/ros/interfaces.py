# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Classes of messages and actions by their names, and the reverse; imports no ROS by itself."""

import importlib
import os
from typing import Any

from hma_ros.core.embodiment import StopSpec
from hma_ros.core.embodiment.stop_values import can_stop, impossible_value
from hma_ros.core.errors import ConfigError


def interface_class(name: str, key: str) -> Any:
    """
    Return the class of a message or action.

    :param name: e.g. ``std_msgs/msg/Bool``.
    :param key: of the embodiment file, or the topic, that names it.
    :raises ConfigError: it is no name of a type, its package is not installed (the text says which
        one to install), or the package has no such type.
    """
    package, kind, item = _parts(name, key)
    try:
        module = importlib.import_module(f'{package}.{kind}')
    except ImportError as error:
        distro = os.environ.get('ROS_DISTRO', '$ROS_DISTRO')
        raise ConfigError(
            f'{key}: got no {name} here, expected {package} to be installed; '
            f'apt-get install ros-{distro}-{package.replace("_", "-")} (rosdep key {package}), or '
            'source the workspace of the driver that brings it'
        ) from error
    found = getattr(module, item, None)
    if found is None:
        raise ConfigError(
            f'{key}: got no {name} here, expected it in the {package} that is installed; correct '
            f'{key}, or use a newer distribution of ROS'
        )
    return found


def _parts(name: str, key: str) -> list[str]:
    parts = name.split('/')
    if len(parts) != 3 or not all(part.isidentifier() for part in parts):
        raise ConfigError(
            f'{key}: got {name!r}, expected a type such as std_msgs/msg/Bool; correct {key}'
        )
    return parts


def stop_class(stop: StopSpec, key: str) -> Any:
    """
    Return the message class of a stop topic.

    :param key: of its section in the embodiment file.
    :raises ConfigError: it is not installed, or its field is missing or cannot equal a stop value.
    """
    kind = interface_class(stop.type, f'{key}.type')
    fields = kind.get_fields_and_field_types()
    got = fields.get(stop.field, '')
    if not can_stop(got):
        usable = [name for name, of in fields.items() if can_stop(of)]
        raise ConfigError(
            f'{key}.field: got {stop.field!r} ({got or "no such field"}), expected a boolean or '
            f'integer field of {stop.type}; choose one of {", ".join(usable) or "another type"}'
        )
    wrong = impossible_value(got, stop.stop_values)
    if wrong is not None:
        raise ConfigError(
            f'{key}.stop_values: got {wrong[0]}, expected {wrong[1]}; correct {key}.stop_values'
        )
    return kind


def type_name(kind: Any) -> str:
    """Return the name of a class as ROS writes it, e.g. ``std_msgs/msg/Bool``."""
    package, group, *_ = kind.__module__.split('.')
    return f'{package}/{group}/{kind.__name__}'
