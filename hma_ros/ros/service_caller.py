# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Calls services as the operator of the SROS 2 policy, from a node that opens nothing else."""

import time
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from std_srvs.srv import Trigger

from hma_ros.core.errors import MessageError
from hma_ros.core.security.interfaces import OPERATOR

_LOOK_S = 0.1


class ServiceCaller:
    """
    A small node of its own; use it as a context manager.

    :param namespace: of the nodes that are called.
    :param timeout_s: longest wait for a service, and for its answer.
    """

    def __init__(self, namespace: str, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._context = rclpy.Context()
        rclpy.init(args=[], context=self._context)
        self._node = rclpy.create_node(
            OPERATOR,
            namespace=namespace,
            context=self._context,
            start_parameter_services=False,
        )
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)

    def __enter__(self) -> 'ServiceCaller':
        return self

    def __exit__(self, *_exception: object) -> None:
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def find(self, kind: Any, name: str) -> Any:
        """
        Return a client of a service that is there.

        :raises MessageError: it is not within the time.
        """
        client = self._node.create_client(kind, name)
        self._until(client.service_is_ready, f'{name}: expected the service')
        return client

    def trigger(self, name: str) -> tuple[bool, str]:
        """
        Call a service of type ``std_srvs/srv/Trigger``.

        :returns: whether it succeeded, and its text.
        :raises MessageError: there is no answer in time.
        """
        future = self.find(Trigger, name).call_async(Trigger.Request())
        self._until(future.done, f'{name}: expected an answer')
        answer: Any = future.result()
        return bool(answer.success), str(answer.message)

    def _until(self, condition: Callable[[], object], expectation: str) -> None:
        end_s = time.monotonic() + self._timeout_s
        while not condition():
            if time.monotonic() > end_s:
                raise MessageError(f'{expectation}, got none within {self._timeout_s:g} s')
            self._executor.spin_once(timeout_sec=_LOOK_S)
