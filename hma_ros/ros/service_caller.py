# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Calls services, from a small node of its own."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from std_srvs.srv import Trigger

from hma_ros.core.errors import MessageError
from hma_ros.core.security.interfaces import OPERATOR

_LOOK_S = 0.1
_Caller = TypeVar('_Caller', bound='ServiceCaller')


class ServiceCaller:
    """
    A node that opens nothing but clients; use it as a context manager.

    :param namespace: of the nodes that are called.
    :param timeout_s: longest wait for a service, and for its answer.
    :param name: of the node; the SROS 2 policy knows that of the operator.
    """

    def __init__(self, namespace: str, timeout_s: float, name: str = OPERATOR) -> None:
        self._timeout_s = timeout_s
        self._clients: dict[str, Any] = {}
        self._context = rclpy.Context()
        rclpy.init(args=[], context=self._context)
        self._node = rclpy.create_node(
            name,
            namespace=namespace,
            context=self._context,
            start_parameter_services=False,
        )
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)

    @property
    def node(self) -> Node:
        """The node, which is served while something is waited for."""
        return self._node

    def __enter__(self: _Caller) -> _Caller:
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
        if name not in self._clients:
            self._clients[name] = self._node.create_client(kind, name)
        client = self._clients[name]
        self._until(client.service_is_ready, f'{name}: expected the service')
        return client

    def call(self, kind: Any, name: str, request: Any) -> Any:
        """Call a service and return its answer; raises MessageError if there is none in time."""
        future = self.find(kind, name).call_async(request)
        self._until(future.done, f'{name}: expected an answer')
        return future.result()

    def trigger(self, name: str) -> tuple[bool, str]:
        """
        Call a service of type ``std_srvs/srv/Trigger``.

        :returns: whether it succeeded, and its text.
        :raises MessageError: there is no answer in time.
        """
        answer = self.call(Trigger, name, Trigger.Request())
        return bool(answer.success), str(answer.message)

    def _until(self, condition: Callable[[], object], expectation: str) -> None:
        end_s = time.monotonic() + self._timeout_s
        while not condition():
            if time.monotonic() > end_s:
                raise MessageError(f'{expectation}, got none within {self._timeout_s:g} s')
            self._executor.spin_once(timeout_sec=_LOOK_S)
