# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Frames go out where tf2_msgs is installed, and quietly do not elsewhere."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hma_ros.core.messages.stamp import stamp_ns
from hma_ros.core.vision.placement import Placement
from hma_ros.ros.frame_broadcaster import FrameBroadcaster

HAND = Placement('hand', 'arm', np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.6, 0.0, 0.8]))


class Node:
    """Keeps what is published, by topic."""

    def __init__(self) -> None:
        self.sent: dict[str, list[Any]] = {}

    def create_publisher(self, _kind: Any, topic: str, _qos: Any) -> Any:
        return SimpleNamespace(publish=self.sent.setdefault(topic, []).append)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for the package, which is not among the wheels."""
    module = ModuleType('tf2_msgs.msg')
    module.TFMessage = SimpleNamespace  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, 'tf2_msgs', ModuleType('tf2_msgs'))
    monkeypatch.setitem(sys.modules, 'tf2_msgs.msg', module)


@pytest.mark.usefixtures('installed')
def test_a_frame_is_published_as_it_is() -> None:
    node = Node()
    broadcaster = FrameBroadcaster(node)  # type: ignore[arg-type]
    broadcaster.publish(1_500_000_000, [HAND])
    broadcaster.publish_fixed(0, [HAND, HAND])
    (message,) = node.sent['/tf'][0].transforms
    assert (message.header.frame_id, message.child_frame_id) == ('arm', 'hand')
    assert stamp_ns(message.header.stamp) == 1_500_000_000
    place, turn = message.transform.translation, message.transform.rotation
    assert (place.x, place.y, place.z) == (1.0, 2.0, 3.0)
    assert (turn.x, turn.y, turn.z, turn.w) == (0.0, 0.6, 0.0, 0.8)
    assert len(node.sent['/tf_static'][0].transforms) == 2


def test_without_the_package_nothing_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'tf2_msgs', None)
    node = Node()
    broadcaster = FrameBroadcaster(node)  # type: ignore[arg-type]
    broadcaster.publish(0, [HAND])
    broadcaster.publish_fixed(0, [HAND])
    assert not broadcaster.is_available
    assert node.sent == {}
