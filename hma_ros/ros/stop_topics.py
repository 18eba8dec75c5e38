# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The topics that stop the robot.

Each is subscribed to twice. The reliable subscription loses nothing, and for a latched topic gets
the state from before its time, but publishers that offer less do not match it at all; the best
effort one matches everybody. A message that comes twice does no harm, and neither does the
warning about incompatible QoS that such a publisher causes.
"""

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

from hma_ros.core.embodiment import StopSpec
from hma_ros.core.errors import ConfigError
from hma_ros.ros.qos import LATCHED, REPORT, SENSOR_IN


class StopTopics:
    """
    Listens to the stop topics of an embodiment.

    :param node: an HmaNode.
    :param on_stop: called with the reason whenever a topic says stop.
    :raises ConfigError: a message type is not installed or lacks the field.
    """

    def __init__(
        self, node: Any, stops: tuple[StopSpec, ...], on_stop: Callable[[str], None]
    ) -> None:
        self._on_stop = on_stop
        self._reasons: dict[tuple[str, str], str] = {}
        for stop in stops:
            topic = node.resolve_topic_name(stop.topic)
            receive = partial(self._on_message, stop, topic)
            for qos in (LATCHED if stop.latched else REPORT, SENSOR_IN):
                node.subscribe(_message_class(stop, topic), stop.topic, receive, qos)

    @property
    def reason(self) -> str | None:
        """Why a topic says stop at present, None if none does."""
        return next(iter(self._reasons.values()), None)

    def _on_message(self, stop: StopSpec, topic: str, message: Any) -> None:
        value, key = getattr(message, stop.field), (topic, stop.field)
        if value in stop.stop_values:
            self._reasons[key] = f'{topic}: {stop.reason} ({stop.field} = {value})'
            self._on_stop(self._reasons[key])
        else:
            self._reasons.pop(key, None)


def _message_class(stop: StopSpec, topic: str) -> Any:
    package, _, name = stop.type.split('/')
    try:
        kind = getattr(importlib.import_module(f'{package}.msg'), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f'{topic}: expected {stop.type} to be installed, got: {error}'
        ) from error
    if stop.field not in kind.get_fields_and_field_types():
        raise ConfigError(f'{topic}: expected a field of {stop.type}, got {stop.field!r}')
    return kind
