# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A node goes round its lifecycle without leaving anything behind."""

import gc
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from hma_ros.ros.parameters import parameter

pytestmark = pytest.mark.ros


@dataclass(frozen=True)
class Parameters:
    autostart: bool = parameter(False, 'start at once')


@pytest.fixture
def default_context() -> Iterator[None]:
    import rclpy

    rclpy.init(args=[])
    yield
    rclpy.try_shutdown()


def test_cycles_leave_no_references_behind(default_context: None) -> None:
    from std_msgs.msg import Bool

    from hma_ros.ros.lifecycle import HmaNode

    class Listener(HmaNode):
        def set_up(self) -> None:
            for index in range(5):
                self.subscribe(Bool, f'topic_{index}', lambda _: None, 10)
                self.publisher(Bool, f'other_{index}', 10)

    def kept() -> int:
        gc.collect()
        return len(gc.get_objects())

    node = Listener('listener', Parameters)
    counts = []
    for _ in range(3):
        for _ in range(10):
            node.trigger_configure()
            node.trigger_cleanup()
        counts.append(kept())
    node.destroy_node()
    # Each of 10 cycles makes 10 entities, with several references each.
    assert counts[2] - counts[1] < 50


def test_what_cannot_be_destroyed_keeps_nothing_else_alive(default_context: None) -> None:
    from hma_ros.ros.lifecycle import HmaNode

    destroyed = list[str]()

    def fail(name: str) -> None:
        raise RuntimeError(name)

    class Owner(HmaNode):
        def set_up(self) -> None:
            self.own('first', destroyed.append)
            self.own('broken', fail)
            self.own('broken, too', fail)
            self.own('last', destroyed.append)

    node = Owner('owner', Parameters)
    for _ in range(2):
        node.trigger_configure()
        node.trigger_cleanup()
    node.destroy_node()
    assert destroyed == ['last', 'first'] * 2
