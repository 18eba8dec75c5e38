# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A node with the methods that the parts of a lifecycle node use, in the process of the test."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from benchmarks.faults.processes import DEADLINE_S


class Bench:
    """Two nodes of one executor: ``node`` holds the part under test, ``world`` the rest."""

    def __init__(self, context: Any) -> None:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor

        self._context = context
        self.node = rclpy.create_node('bench', context=context)
        self.world = rclpy.create_node('world', context=context)
        self._executor = SingleThreadedExecutor(context=context)
        for node in (self.node, self.world):
            self._executor.add_node(node)

    def replace_node(self, parameters: list[Any]) -> None:
        """Give the part under test a node with parameters."""
        import rclpy

        self._executor.remove_node(self.node)
        self.node.destroy_node()
        self.node = rclpy.create_node(
            'bench', context=self._context, parameter_overrides=parameters
        )
        self._executor.add_node(self.node)

    def own(self, entity: Any, destroy: Callable[[Any], object]) -> Any:
        return entity

    def publisher(self, kind: Any, topic: str, qos: Any) -> Any:
        return self.node.create_publisher(kind, topic, qos)

    def subscribe(self, kind: Any, topic: str, callback: Callable[[Any], None], qos: Any) -> Any:
        return self.node.create_subscription(kind, topic, callback, qos)

    def subscribe_bounded(
        self,
        kind: Any,
        topic: str,
        callback: Any,
        qos: Any,
        on_fault: Any,
        events: Any = None,
        *most_bytes: int,
    ) -> Any:
        from hma_ros.ros.bounded import bounded
        from hma_ros.ros.publishers import with_publisher

        name = self.node.resolve_topic_name(topic)
        receive = bounded(kind, name, callback, on_fault, *most_bytes)
        return self.node.create_subscription(
            kind, topic, with_publisher(receive), qos, raw=True, event_callbacks=events
        )

    def __getattr__(self, name: str) -> Any:
        """Give what a node has by itself."""
        return getattr(self.node, name)

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for a condition."""
        end_s = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < end_s, f'{what}: not within {DEADLINE_S:g} s'
            self._executor.spin_once(timeout_sec=0.05)

    def close(self) -> None:
        self._executor.shutdown()
        for node in (self.node, self.world):
            node.destroy_node()


@pytest.fixture
def bench(ros_context: object) -> Iterator[Bench]:
    """Yield a bench, taken down with the test."""
    made = Bench(ros_context)
    yield made
    made.close()
