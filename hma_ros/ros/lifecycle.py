# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The base of the lifecycle nodes, and how every node of this package runs.

rclpy swallows exceptions of transitions; here they are logged and the transition fails. However a
node leaves a state, :meth:`HmaNode.stop` is called, and what it owns is destroyed.
"""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Hashable
from types import FrameType
from typing import Any

import rclpy
from rcl_interfaces.msg import SetParametersResult
from rclpy.callback_groups import CallbackGroup, MutuallyExclusiveCallbackGroup
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

# Importable from here in all distributions; its own module was renamed after Humble.
from rclpy.node import SubscriptionEventCallbacks
from rclpy.signals import SignalHandlerOptions

from hma_ros.core.errors import HmaError
from hma_ros.core.parent_process import follow_parent
from hma_ros.core.writable import LOG_REMEDY, log_refusal
from hma_ros.ros import qos_overrides
from hma_ros.ros.bounded import ANY_BYTES, MOST_BYTES, bounded
from hma_ros.ros.log_relay import LogRelay
from hma_ros.ros.parameters import declare
from hma_ros.ros.publishers import with_publisher

_OK = TransitionCallbackReturn.SUCCESS
_FAILURE = TransitionCallbackReturn.FAILURE
# How often a node without messages checks whether to end.
_WAKE_S = 0.1
# Messages that cannot be read are logged at most this often.
_TELL_S = 5.0
# All that end a process by default and can be caught, but those of a broken process.
_SIGNALS = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGALRM,
    signal.SIGVTALRM,
    signal.SIGPROF,
    signal.SIGXCPU,
    signal.SIGIO,
    signal.SIGABRT,
)


class _EndedError(HmaError):
    """The process is to end."""


class HmaNode(LifecycleNode):
    """
    A lifecycle node; subclasses implement set_up, start and stop.

    Callbacks run one after another in one thread; slow work belongs in a WorkThread, so that it
    does not keep messages waiting.

    :param name: node name.
    :param parameters: its parameter dataclass; must have a field ``autostart``.
    """

    _group: CallbackGroup | None = None

    def __init__(self, name: str, parameters: type) -> None:
        super().__init__(name)
        self._owned: list[Callable[[], object]] = []
        self._is_active = self._is_configured = False
        self.is_finalized = False
        # Signals that ask this process to end.
        self.end_signals: list[int] = []
        declare(self, parameters)
        self.add_on_set_parameters_callback(self._on_parameters)

    @property
    def default_callback_group(self) -> CallbackGroup:
        """
        The group of whatever is made without one: that of the configuration, if there is one.

        A group keeps a reference to all that was ever made in it, so it ends with them.
        """
        return self._group or super().default_callback_group

    @property
    def failure(self) -> str | None:
        """Why the process must end; None while it need not."""
        return None

    def set_up(self) -> None:
        """Configure: read parameters and files, open topics; raise HmaError to refuse."""

    def start(self) -> None:
        """Activate: begin to work."""

    def stop(self) -> None:
        """Deactivate: stop working; leave the robot safe."""

    def own(self, entity: Any, destroy: Callable[[Any], object]) -> Any:
        """
        Have an entity destroyed with the configuration, and return it.

        It is also destroyed if set_up fails later.
        """
        self._owned.append(lambda: destroy(entity))
        return entity

    def publisher(self, kind: Any, topic: str, qos: Any) -> Any:
        """Create a publisher that lives as long as the configuration; overrides of its QoS win."""
        made = qos_overrides.publisher(self, kind, topic, qos)
        return self.own(made, self.destroy_publisher)

    def subscribe(self, kind: Any, topic: str, callback: Callable[[Any], None], qos: Any) -> Any:
        """
        Create a subscription that lives as long as the configuration; overrides win too.

        A message that cannot be read is logged as a warning and skipped.
        """
        return self.subscribe_bounded(
            kind,
            topic,
            lambda message, _publisher: callback(message),
            qos,
            lambda text: self.get_logger().warning(text, throttle_duration_sec=_TELL_S),
            most_bytes=ANY_BYTES,
        )

    def subscribe_bounded(
        self,
        kind: Any,
        topic: str,
        callback: Callable[[Any, Hashable], None],
        qos: Any,
        on_fault: Callable[[str], None],
        event_callbacks: SubscriptionEventCallbacks | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> Any:
        """
        Create a subscription that reads no message beyond a size.

        :param callback: called with a message and its publisher.
        :param on_fault: called with why a message was not read.
        """
        receive = bounded(kind, self.resolve_topic_name(topic), callback, on_fault, most_bytes)
        made = qos_overrides.subscription(
            self, kind, topic, with_publisher(receive), qos, event_callbacks, raw=True
        )
        return self.own(made, self.destroy_subscription)

    def check_going_on(self) -> None:
        """Raise an HmaError once the process is to end; for a set_up that takes seconds."""
        if self.end_signals:
            raise _EndedError(signal.Signals(self.end_signals[0]).name)

    def now_ns(self) -> int:
        """Return the ROS time; 0 before the first message on /clock."""
        return int(self.get_clock().now().nanoseconds)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run set_up; on failure everything made so far is dropped."""
        self._is_configured = True
        self._group = MutuallyExclusiveCallbackGroup()
        if self._succeeds('configure', self.set_up):
            self.get_logger().info('configured')
            return _OK
        self._release()
        return _FAILURE

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run start; on failure stop is run too."""
        self._is_active = True
        if self._succeeds('activate', self.start):
            qos_overrides.warn_of_unused(self)
            self.get_logger().info('activated')
            return _OK
        self._halt()
        return _FAILURE

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run stop."""
        self._halt()
        self.get_logger().info('deactivated')
        return _OK

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run stop if active, and destroy what the configuration owns."""
        self._release()
        self.get_logger().info('cleaned up')
        return _OK

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Do what :meth:`on_cleanup` does, for the last time."""
        self.is_finalized = True
        self._release()
        self.get_logger().info('shut down')
        return _OK

    on_error = on_cleanup

    def _halt(self) -> None:
        if self._is_active:
            self._is_active = False
            self._succeeds('deactivate', self.stop)

    def _release(self) -> None:
        self._halt()
        while self._owned:
            self._succeeds('clean up', self._owned.pop())
        self._is_configured, self._group = False, None

    def _on_parameters(self, parameters: list[Any]) -> SetParametersResult:
        """Refuse what would not take effect: parameters are read when the node is configured."""
        if not self._is_configured:
            return SetParametersResult(successful=True)
        names = ', '.join(parameter.name for parameter in parameters)
        return SetParametersResult(
            successful=False,
            reason=f'{names}: read-only while the node is configured; clean up, set it, configure',
        )

    def _succeeds(self, what: str, action: Callable[[], object]) -> bool:
        try:
            action()
        except _EndedError as error:
            self.get_logger().info(f'ended by {error}: did not {what}')
            return False
        except HmaError as error:
            self.get_logger().error(f'cannot {what}: {error}')
            return False
        except Exception:
            # A defect of this package: nothing short of the traceback helps.
            self.get_logger().error(f'cannot {what}: {traceback.format_exc()}')
            return False
        return True


def run(make_node: Callable[[], Any], args: list[str] | None = None) -> int:
    """
    Run a node until a signal that would end the process, then shut it down safely.

    :param make_node: makes an HmaNode, or another node with ``failure`` and ``close()``.
    :returns: the exit code; 1 if the node could not be made or started, or has failed. Later
        signals are ignored: the node is shut down already, and would seem to have crashed.
    """
    relay = LogRelay()
    try:
        return _run(make_node, args)
    finally:
        relay.close()
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)


def _run(make_node: Callable[[], Any], args: list[str] | None) -> int:
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError:
        refusal = log_refusal(os.environ)
        if refusal is None:
            raise
        # Without ROS there is no logger.
        sys.stderr.write(f'hma_ros: logs: {refusal}; {LOG_REMEDY}\n')
        return 1
    stopped: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopped.append(number)

    for number in _SIGNALS:
        signal.signal(number, stop)
    follow_parent()
    try:
        node = make_node()
    except HmaError as error:
        rclpy.logging.get_logger('hma_ros').fatal(str(error))
        rclpy.try_shutdown()
        return 1
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        if isinstance(node, HmaNode) and not _autostart(node, stopped):
            return int(not stopped)
        while not stopped and rclpy.ok():
            executor.spin_once(timeout_sec=_WAKE_S)
            if node.failure is not None:
                node.get_logger().fatal(node.failure)
                return 1
    except ExternalShutdownException:
        return 0
    finally:
        _end(node, executor)
    return 0


def _autostart(node: HmaNode, stopped: list[int]) -> bool:
    node.end_signals = stopped
    if not node.get_parameter('autostart').value:
        return True
    return bool(node.trigger_configure() == _OK and node.trigger_activate() == _OK)


def _end(node: Any, executor: SingleThreadedExecutor) -> None:
    """Leave the robot safe: no callback runs any more, so nothing can command it after that."""
    executor.shutdown(timeout_sec=5.0)
    if not isinstance(node, HmaNode):
        node.close()
    elif not node.is_finalized:
        node.trigger_shutdown()
    node.destroy_node()
    rclpy.try_shutdown()
