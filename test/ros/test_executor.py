# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A node is not ended by what its own callbacks destroy."""

from typing import Any


def test_executor_passes_over_an_event_that_was_just_destroyed(ros_context: Any) -> None:
    import rclpy
    from rclpy.executors import InvalidHandle
    from rclpy.waitable import NumberOfEntities, Waitable

    from hma_ros.ros.lifecycle import PatientExecutor

    class Gone(Waitable):  # type: ignore[misc]
        """Destroyed between being collected and being waited for; then off the list."""

        def __enter__(self) -> None: ...

        def __exit__(self, *args: object) -> None: ...

        def get_num_entities(self) -> NumberOfEntities:
            return NumberOfEntities(num_events=1)

        def add_to_wait_set(self, wait_set: Any) -> None:
            node.remove_waitable(self)
            raise InvalidHandle

    node = rclpy.create_node('patient', context=ros_context)
    executor = PatientExecutor(num_threads=2, context=ros_context)
    executor.add_node(node)
    heard: list[bool] = []
    node.create_timer(0.01, lambda: heard.append(True))
    node.add_waitable(Gone(node.default_callback_group))
    try:
        for _ in range(1000):
            executor.spin_once(timeout_sec=0.05)
            if heard:
                break
    finally:
        executor.shutdown()
        node.destroy_node()
    assert heard
