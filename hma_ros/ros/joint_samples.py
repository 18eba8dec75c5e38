# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The joints as they were when a frame was taken: joint states of the last seconds, by stamp."""

import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import JointState

from hma_ros.core.embodiment import EmbodimentSpec, StateSource
from hma_ros.core.errors import MessageError
from hma_ros.ros.joint_state_msg import positions
from hma_ros.ros.qos import SENSOR_IN
from hma_ros.ros.stamps import stamp_ns

_NS = 1_000_000_000
_KEPT_NS = 2 * _NS


class JointSamples:
    """
    Keeps joint states undecoded; safe to use from several threads.

    :param node: an HmaNode.
    :param on_arrival: called after each message.
    """

    def __init__(self, node: Any, spec: EmbodimentSpec, on_arrival: Callable[[], None]) -> None:
        self._state, self._on_arrival = spec.state, on_arrival
        self._lock = threading.Lock()
        self._topics = [node.resolve_topic_name(item.topic) for item in self._state.sources]
        self._kept: list[deque[tuple[int, Any]]] = [deque() for _ in self._topics]
        for source, kept in zip(self._state.sources, self._kept, strict=True):
            node.subscribe(JointState, source.topic, partial(self._receive, kept), SENSOR_IN)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            for kept in self._kept:
                kept.clear()

    def reaches(self, moment_ns: int) -> bool:
        """Whether every source was heard at a moment or later: none nearer to it will come."""
        with self._lock:
            return all(kept and kept[-1][0] >= moment_ns for kept in self._kept)

    def at(self, moment_ns: int) -> NDArray[np.float32]:
        """
        Return the joints measured nearest to a moment ``float32[J]``, as the embodiment has them.

        :raises MessageError: a source is silent or too far from it, or its message lacks a joint.
        """
        with self._lock:
            samples = [list(kept) for kept in self._kept]
        parts = [
            self._decode(source, topic, near, moment_ns)
            for source, topic, near in zip(self._state.sources, self._topics, samples, strict=True)
        ]
        return np.concatenate(parts).astype(np.float32)

    def _decode(
        self, source: StateSource, topic: str, samples: list[tuple[int, Any]], moment_ns: int
    ) -> NDArray[np.float64]:
        if not samples:
            raise MessageError(f'{topic}: expected joint states at the time of a frame, got none')
        stamp, message = min(samples, key=lambda sample: abs(sample[0] - moment_ns))
        if abs(stamp - moment_ns) > self._state.max_age_s * _NS:
            raise MessageError(
                f'{topic}: expected joint states within {self._state.max_age_s:g} s of a frame, '
                f'got the nearest {(stamp - moment_ns) / _NS:+.3f} s from it'
            )
        return positions(message, source.message_names, topic)

    def _receive(self, kept: deque[tuple[int, Any]], message: Any) -> None:
        stamp = stamp_ns(message.header.stamp)
        with self._lock:
            if kept and stamp < kept[-1][0]:
                # The clock jumped back: what was before is not the past any more.
                kept.clear()
            kept.append((stamp, message))
            while stamp - kept[0][0] > _KEPT_NS:
                kept.popleft()
        self._on_arrival()
