# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Run the processes of a bringup: prefix their output, stop them in order, say who died."""

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from hma_ros.bringup import Bringup, Process
from hma_ros.cli.checks.environment import check_environment
from hma_ros.core.errors import ConfigError
from hma_ros.core.parent_process import end_with_parent

# Seconds a process gets to end after each signal.
END_GRACE_S = 8.0
KILL_GRACE_S = 3.0
_LOOK_S = 0.1
# The last one says that the terminal was closed.
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def find_executable(package: str, name: str) -> Path:
    """
    Find an executable where ``ros2 run`` looks: ``lib/<package>`` of every prefix, then PATH.

    :raises ConfigError: it is not installed.
    """
    prefixes = [*os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep), sys.prefix]
    for prefix in filter(None, prefixes):
        candidate = Path(prefix) / 'lib' / package / name
        if candidate.is_file():
            return candidate
    on_path = shutil.which(name)
    if on_path is None and package != 'hma_ros':
        distro = os.environ.get('ROS_DISTRO', '$ROS_DISTRO')
        raise ConfigError(
            f'{name}: got no executable, expected one in lib/{package}; it comes with ROS 2, not '
            f'with `make setup`: apt-get install ros-{distro}-{package.replace("_", "-")} and '
            'source its setup.bash, or leave out what asks for it, such as rviz:=true'
        )
    if on_path is None:
        raise ConfigError(
            f'{name}: got no executable, expected one in lib/{package}; run `make setup`, or '
            'source the install/setup.bash of the workspace'
        )
    return Path(on_path)


def command_line(process: Process, namespace: str) -> list[str]:
    """
    Return the command of a process, ROS arguments included.

    :param namespace: empty, or with a slash in front.
    """
    command = [str(find_executable(process.package, process.executable)), *process.arguments]
    command += ['--ros-args', *process.ros_arguments, '-r', f'__node:={process.node_name}']
    if namespace:
        command += ['-r', f'__ns:={namespace}']
    for source, target in process.remappings:
        command += ['-r', f'{source}:={target}']
    for name, value in process.parameters:
        command += ['-p', f'{name}:={_yaml(value)}']
    return command


def supervise(bringup: Bringup) -> int:
    """
    Run until a signal asks to stop, or a process ends without which nothing goes.

    :returns: 0 after a signal, 1 after such an end.
    """
    running = Supervisor(bringup)
    with stop_signals() as stop:
        try:
            running.start()
            is_complete = running.wait(stop)
        finally:
            running.stop()
    return 0 if is_complete else 1


class Supervisor:
    """
    The running processes of one bringup.

    :raises ConfigError: an executable is missing, or no node would run in this environment.
    """

    def __init__(self, bringup: Bringup) -> None:
        # All of them are looked up before the first one starts.
        self._commands = [
            (process, command_line(process, bringup.namespace)) for process in bringup.processes
        ]
        self._environment = {**os.environ, **bringup.environment(os.environ)}
        self._environment['PYTHONUNBUFFERED'] = '1'
        check_environment(self._environment)
        self._children: list[tuple[Process, subprocess.Popen[str]]] = []
        self._readers: list[threading.Thread] = []

    def start(self) -> None:
        """Start every process, in order."""
        for process, command in self._commands:
            child = subprocess.Popen(
                command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors='replace',
                # Ctrl-C reaches the supervisor only, which stops its children in order.
                start_new_session=True,
                # Without a supervisor nobody would stop the robot: follow it.
                preexec_fn=end_with_parent,
            )
            self._children.append((process, child))
        for process, child in self._children:
            arguments = (process.node_name, child)
            reader = threading.Thread(target=_forward, args=arguments, daemon=True)
            reader.start()
            self._readers.append(reader)

    def wait(self, stop: 'queue.SimpleQueue[int]') -> bool:
        """
        Wait for a stop signal, or the end of a process without which nothing goes.

        The end of any other process is only said.

        :returns: whether all of those run that must.
        """
        ended: set[str] = set()
        while True:
            for process, child in self._children:
                if child.poll() is None or process.node_name in ended:
                    continue
                ended.add(process.node_name)
                _say_ended(process, child.returncode)
            if any(item.ends_all and item.node_name in ended for item, _ in self._children):
                return False
            try:
                stop.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            return True

    def stop(self) -> None:
        """Stop every process, the last started first, each before the next."""
        for process, child in reversed(self._children):
            _stop(process.node_name, child)
        for reader in self._readers:
            reader.join(timeout=1.0)


@contextmanager
def stop_signals() -> Iterator['queue.SimpleQueue[int]']:
    """Collect the signals that ask to stop in a queue, and restore the handlers at the end."""
    received: queue.SimpleQueue[int] = queue.SimpleQueue()

    def put(number: int, _frame: FrameType | None) -> None:
        received.put(number)

    before = {number: signal.signal(number, put) for number in _STOP_SIGNALS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(name: str, child: 'subprocess.Popen[str]') -> None:
    for number, grace_s in (
        # Not SIGINT, on which Python that is still starting prints a traceback.
        (signal.SIGTERM, END_GRACE_S),
        (signal.SIGKILL, KILL_GRACE_S),
    ):
        if child.poll() is not None:
            return
        if number != signal.SIGTERM:
            _say(f'{name} did not end, sending {number.name}')
        child.send_signal(number)
        _wait(child, grace_s)


def _wait(child: 'subprocess.Popen[str]', timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)


def _forward(name: str, child: 'subprocess.Popen[str]') -> None:
    if child.stdout is None:
        return
    with child.stdout as lines:
        for line in lines:
            # Read on without a listener: a full pipe would block the node.
            with suppress(OSError):
                print(f'[{name}] {line}', end='', flush=True)


def _say_ended(process: Process, code: int) -> None:
    how = f'signal {signal.Signals(-code).name}' if code < 0 else f'exit code {code}'
    then = 'stopping all' if process.ends_all else 'the others continue'
    _say(f'{process.node_name} ended by itself: {how}; {then}')


def _say(text: str) -> None:
    # Without a terminal the nodes are stopped as well.
    with suppress(OSError):
        print(f'hma: {text}', file=sys.stderr, flush=True)


def _yaml(value: object) -> str:
    # A quoted string stays one, whatever it looks like; JSON is YAML.
    return json.dumps(value)
