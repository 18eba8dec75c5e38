# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Real processes on a ROS domain of their own; used by the node tests too."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from hma_ros.core.parent_process import parent_environment

# Ends a wait that hangs, however busy the machine is.
DEADLINE_S = float(os.environ.get('HMA_TEST_DEADLINE_S', '600'))
# Domains above 101 collide with ephemeral ports.
_DOMAINS = range(1, 102)
# How a process may have ended while others are waited for.
_EXPECTED_ENDS = (None, 0, -signal.SIGKILL)


def claim_domain(after: int = 0) -> tuple[int, IO[str]]:
    """
    Return a ROS domain that nobody else on this machine claims, and the lock that holds it.

    :param after: the domain claimed before; the search begins with the next one.
    :raises RuntimeError: all are claimed.
    """
    for offset in range(len(_DOMAINS)):
        domain = _DOMAINS[(after + offset) % len(_DOMAINS)]
        lock = (Path(tempfile.gettempdir()) / f'hma_ros_domain_{domain}.lock').open('w')
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
        else:
            return domain, lock
    raise RuntimeError(f'ROS_DOMAIN_ID: got none in {_DOMAINS}, expected a free one')


def is_running(process: int) -> bool:
    """Whether a process of Linux runs; one that ended may still wait for its parent."""
    try:
        state = Path(f'/proc/{process}/stat').read_text().rpartition(')')[2].split()[0]
    except OSError:
        return False
    return state not in ('Z', 'X')


class System:
    """
    Processes, and a node that watches them.

    :param folder: for their logs.
    :param context: an initialised ``rclpy.Context``.
    """

    def __init__(self, folder: Path, context: Any) -> None:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor

        self.node = rclpy.create_node('watcher', context=context)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self.node)
        self._folder = folder
        self._children: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._clients: dict[tuple[Any, str], Any] = {}
        # Variables that processes get beside those of this one.
        self.environment: dict[str, str] = {}
        self.last: dict[str, Any] = {}
        self.counts: dict[str, int] = {}

    def spawn(
        self, name: str, node_name: str = '', **parameters: object
    ) -> subprocess.Popen[bytes]:
        """Start a node as ``ros2 run`` would, under another name where one is given."""
        return self.start(name, parameters, ('-r', f'__node:={node_name}') if node_name else ())

    def start(
        self,
        name: str,
        parameters: dict[str, object],
        arguments: Sequence[str] = (),
        stderr: int | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a node with further ROS arguments; its output goes to a log by default."""
        script = Path(sys.prefix) / 'lib' / 'hma_ros' / f'{name}_node'
        command = [str(script), '--ros-args', *arguments]
        for key, value in parameters.items():
            command += ['-p', f'{key}:={json.dumps(value)}']
        return self.execute(name, command, stderr)

    def execute(
        self, name: str, command: Sequence[str], stderr: int | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a process under a name; a node ends when the thread that started it does."""
        with (self._folder / f'{name}.log').open('ab') as log:
            output = log if stderr is None else stderr
            variables = {**parent_environment(), **os.environ, **self.environment}
            child = subprocess.Popen(command, stdout=output, stderr=output, env=variables)
        self._children.append((name, child))
        return child

    def spawned(self, name: str) -> subprocess.Popen[bytes]:
        """Return the process started last under a name."""
        return next(child for key, child in reversed(self._children) if key == name)

    def log(self, name: str) -> str:
        """Return what a node wrote."""
        return (self._folder / f'{name}.log').read_text()

    def watch(self, kind: Any, topic: str, qos: Any = 10) -> None:
        """Keep the last message of a topic, and count them."""

        def receive(message: Any) -> None:
            self.last[topic] = message
            self.counts[topic] = self.counts.get(topic, 0) + 1

        self.node.create_subscription(kind, topic, receive, qos)

    def spin(self, most_s: float = 0.05) -> None:
        """Take a message or timer that is due, or wait for one."""
        self._executor.spin_once(timeout_sec=most_s)

    def until(
        self, condition: Callable[[], object], what: str, deadline_s: float = DEADLINE_S
    ) -> None:
        """
        Wait for a condition.

        :raises TimeoutError: it does not come true in time.
        :raises ChildProcessError: a process died.
        """
        end_s = time.monotonic() + deadline_s
        while not condition():
            if time.monotonic() > end_s:
                raise TimeoutError(f'{what}: not within {deadline_s:g} s\n{self._logs()}')
            for name, child in self._children:
                if child.poll() not in _EXPECTED_ENDS:
                    raise ChildProcessError(f'{what}: {name} died\n{self._logs()}')
            self.spin()

    def until_logged(self, name: str, text: str) -> None:
        """Wait for a text in what a node wrote: its output has a thread of its own."""
        self.until(lambda: text in self.log(name), f'{name}: {text}')

    def call(self, kind: Any, name: str, request: Any) -> Any:
        """Call a service."""
        # Clients are kept: a response is lost if the server has not discovered its client yet.
        if (kind, name) not in self._clients:
            self._clients[kind, name] = self.node.create_client(kind, name)
        client = self._clients[kind, name]
        self.until(client.service_is_ready, f'service {name}')
        future = client.call_async(request)
        self.until(future.done, f'answer of {name}')
        return future.result()

    def transition(self, name: str, transition: str) -> bool:
        """Ask a lifecycle node for a transition."""
        from lifecycle_msgs.msg import Transition
        from lifecycle_msgs.srv import ChangeState

        number = getattr(Transition, f'TRANSITION_{transition.upper()}')
        request = ChangeState.Request(transition=Transition(id=number))
        return bool(self.call(ChangeState, f'{name}/change_state', request).success)

    def state(self, name: str) -> str:
        """Return the label of a lifecycle node's state."""
        from lifecycle_msgs.srv import GetState

        answer = self.call(GetState, f'{name}/get_state', GetState.Request())
        return str(answer.current_state.label)

    def end(self, child: subprocess.Popen[bytes]) -> None:
        """End a process at once, and forget it."""
        if child.poll() is None:
            child.send_signal(signal.SIGKILL)
        child.wait()
        self._children = [item for item in self._children if item[1] is not child]

    def close(self) -> None:
        """End every process."""
        for _, child in list(self._children):
            self.end(child)
        self._executor.shutdown()
        self.node.destroy_node()

    def _logs(self) -> str:
        names = dict.fromkeys(name for name, _ in self._children)
        return '\n'.join(f'--- {name}\n{self.log(name)[-3000:]}' for name in names)
