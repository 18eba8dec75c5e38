# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The process of a gripper that takes goals, from outside."""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from std_msgs.msg import String

from benchmarks.faults.processes import System
from hma_ros.core.embodiment import GripperSpec
from hma_ros.ros.qos import LATCHED, REPORT

_NODE = 'gripper_server'


def has_actions() -> bool:
    """Whether the actions of grippers are installed."""
    return importlib.util.find_spec('control_msgs') is not None


@dataclass(frozen=True)
class Event:
    """
    What a gripper did with a goal.

    ``what`` is goal or refused when it came, and how it ended later: succeeded, stalled, aborted,
    canceled, superseded. It came between ``since_s`` and ``heard_s`` of the steady clock.
    """

    what: str
    position: float
    effort: float
    heard_s: float
    since_s: float


class GripperProcess:
    """
    Starts a gripper's server, and hears what it does.

    :param spec: its interface and name.
    :param on_event: called with each event.
    """

    def __init__(
        self, system: System, spec: GripperSpec, on_event: Callable[[Event], None] = lambda _: None
    ) -> None:
        self._system, self._spec, self._on_event = system, spec, on_event
        self.events: list[Event] = []
        node = system.node
        self._behaviour = node.create_publisher(String, f'{_NODE}/behaviour', LATCHED)
        self._listener = node.create_subscription(String, f'{_NODE}/events', self._hear, REPORT)
        self.child: subprocess.Popen[bytes] | None = None

    def start(self, interface: str = '') -> None:
        """Start it, with another action type than the embodiment's where one is given."""
        module = 'benchmarks.faults.gripper_server'
        command = [sys.executable, '-m', module, interface or self._spec.interface]
        self.child = self._system.execute(_NODE, [*command, self._spec.name])

    def end(self) -> None:
        """Kill it, if it runs."""
        if self.child is not None:
            self._system.end(self.child)
            self.child = None

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self.child is not None:
            self.child.send_signal(number)

    @property
    def has_ended(self) -> bool:
        """Whether it does not run."""
        return self.child is None or self.child.poll() is not None

    def behave(self, behaviour: str) -> None:
        """Tell it what to do with goals, as in :mod:`benchmarks.faults.gripper_server`."""
        self._behaviour.publish(String(data=behaviour))

    def mend(self) -> None:
        """Have it do what it should: start it, let it go on, and have it reach its goals."""
        self.behave('reach')
        if self.has_ended:
            self.end()
            self.start()
        self.send_signal(signal.SIGCONT)

    def positions(self, *what: str) -> list[float]:
        """Return the goals of which there were such events."""
        return [event.position for event in self.events if event.what in what]

    def close(self) -> None:
        """End it, and hear no more."""
        self.end()
        self._system.node.destroy_publisher(self._behaviour)
        self._system.node.destroy_subscription(self._listener)

    def _hear(self, message: Any) -> None:
        event = Event(**json.loads(message.data))
        self.events.append(event)
        self._on_event(event)
