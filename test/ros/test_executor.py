# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A node is not ended by what its own callbacks destroy."""

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def node(ros_context: Any) -> Iterator[Any]:
    import rclpy

    node = rclpy.create_node('patient', context=ros_context)
    yield node
    node.destroy_node()


@pytest.fixture
def executor(ros_context: Any, node: Any) -> Iterator[Any]:
    from hma_ros.ros.lifecycle import PatientExecutor

    executor = PatientExecutor(num_threads=2, context=ros_context)
    executor.add_node(node)
    yield executor
    executor.shutdown()


def add_destroyed(node: Any, *, is_taken_off: bool) -> None:
    """Add what is destroyed between being collected and being waited for."""
    from rclpy.executors import InvalidHandle
    from rclpy.waitable import NumberOfEntities, Waitable

    class Destroyed(Waitable):  # type: ignore[misc]
        def __enter__(self) -> None: ...

        def __exit__(self, *args: object) -> None: ...

        def get_num_entities(self) -> NumberOfEntities:
            return NumberOfEntities(num_events=1)

        def add_to_wait_set(self, wait_set: Any) -> None:
            if is_taken_off:
                node.remove_waitable(self)
            raise InvalidHandle

    node.add_waitable(Destroyed(node.default_callback_group))


def test_an_event_that_was_just_destroyed_is_passed_over(node: Any, executor: Any) -> None:
    heard: list[bool] = []
    node.create_timer(0.01, lambda: heard.append(True))
    add_destroyed(node, is_taken_off=True)
    for _ in range(1000):
        executor.spin_once(timeout_sec=0.05)
        if heard:
            break
    assert heard


def test_one_that_stays_is_an_error(node: Any, executor: Any) -> None:
    from rclpy.executors import InvalidHandle

    add_destroyed(node, is_taken_off=False)
    with pytest.raises(InvalidHandle):
        executor.spin_once(timeout_sec=0.05)
