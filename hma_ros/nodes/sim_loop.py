# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The simulated robot's time: physics, controllers and pacing, in one thread of its own."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hma_ros.core.control.timed_targets import TimedTargets
from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.errors import ConfigError, HmaError
from hma_ros.core.settings import Scene
from hma_ros.core.units import NS_PER_S
from hma_ros.sim import make_task
from hma_ros.sim.simulation import UPDATE_HZ, Task

_STEP_NS = round(NS_PER_S / UPDATE_HZ)
# After a delay the simulation runs at most at twice its speed, so that commands keep up.
_CATCH_UP = 0.5
_MAX_LAG_STEPS = 5


class SimLoop:
    """
    Runs a task step by step; its clock never goes back, not even on a reset.

    ``now_ns`` is its time; ``failure`` what ended it, None while it is well.

    :param task: name of the task.
    :param seed: of the first episode.
    :param real_time_factor: speed; 0 runs as fast as it can.
    :param scene: see :func:`hma_ros.sim.make_task`.
    :param on_step: called after every step with the task and the time [ns].
    """

    def __init__(
        self,
        spec: EmbodimentSpec,
        task: str,
        seed: int,
        real_time_factor: float,
        scene: Scene,
        on_step: Callable[[Task, int], None],
    ) -> None:
        self._spec = spec
        self._task_name, self._scene = task, scene
        self._step_s = _STEP_NS / NS_PER_S / real_time_factor if real_time_factor else 0.0
        self._on_step = on_step
        self._lock = threading.Lock()
        self._stopped, self._has_ended = threading.Event(), threading.Event()
        self._resets: queue.SimpleQueue[tuple[int, Future[None]]] = queue.SimpleQueue()
        self._targets: list[TimedTargets] = []
        self._gripper_m: float | None = None
        self._started: Future[None] = Future()
        self.now_ns = 0
        self.failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(seed,), daemon=True)

    def start(self) -> None:
        """Start the thread; raises what building the simulation raised."""
        self._thread.start()
        self._started.result()

    def close(self) -> None:
        """End the thread."""
        self._stopped.set()
        self._thread.join(timeout=10.0)

    def reset(self, seed: int, timeout_s: float) -> None:
        """
        Start the episode of a seed, and wait until it has begun.

        :raises HmaError: the simulation has ended.
        :raises TimeoutError: it does not answer.
        """
        done: Future[None] = Future()
        self._resets.put((seed, done))
        # Checked after the reset is queued: one that comes too late sees the end.
        if self._has_ended.is_set():
            self._refuse_resets()
        done.result(timeout_s)

    def follow(self, command: int, times_ns: Sequence[int], targets_HD: ArrayLike) -> None:
        """Take a command of the embodiment's command number ``command``."""
        with self._lock:
            self._targets[command].follow(self.now_ns, times_ns, targets_HD)

    def set_gripper(self, opening_m: float) -> None:
        """Take a gripper command, in metres between the fingers."""
        with self._lock:
            self._gripper_m = opening_m

    def _run(self, seed: int) -> None:
        # The task is made here: an OpenGL context belongs to its thread.
        try:
            task = make_task(self._task_name, self._scene)
            self._check(task)
            self._reset(task, seed)
        except Exception as error:
            self._started.set_exception(error)
            return
        self._started.set_result(None)
        try:
            self._repeat(task)
        except Exception as error:
            # Nobody waits for this thread: whoever runs the node looks here.
            self.failure = error
        finally:
            self._has_ended.set()
            self._refuse_resets()
            task.close()

    def _repeat(self, task: Task) -> None:
        due_s = time.monotonic()
        while not self._stopped.is_set():
            self._serve_resets(task)
            self._step(task)
            due_s = self._pace(due_s)

    def _step(self, task: Task) -> None:
        end_ns = self.now_ns + _STEP_NS
        with self._lock:
            target = self._target(end_ns)
            gripper_m, self._gripper_m = self._gripper_m, None
        task.set_target(target, gripper_m)
        task.advance(_STEP_NS / NS_PER_S)
        self.now_ns = end_ns
        self._on_step(task, end_ns)

    def _target(self, time_ns: int) -> NDArray[np.float64]:
        names = self._spec.action.coordinates
        target = np.empty(len(names))
        for command, followed in zip(self._spec.commands, self._targets, strict=True):
            target[[names.index(name) for name in command.coordinates]] = followed.target(time_ns)
        return target

    def _serve_resets(self, task: Task) -> None:
        while not self._resets.empty():
            seed, done = self._resets.get()
            try:
                self._reset(task, seed)
            except Exception as error:
                done.set_exception(error)
            else:
                done.set_result(None)

    def _refuse_resets(self) -> None:
        cause = '' if self.failure is None else f': {self.failure}'
        with suppress(queue.Empty):
            while True:
                _, done = self._resets.get_nowait()
                done.set_exception(HmaError(f'the simulation ended{cause}'))

    def _reset(self, task: Task, seed: int) -> None:
        task.reset(seed)
        command, names = task.command_target(), self._spec.action.coordinates
        with self._lock:
            self._gripper_m = None
            self._targets = [
                TimedTargets(command[[names.index(name) for name in item.coordinates]])
                for item in self._spec.commands
            ]

    def _pace(self, due_s: float) -> float:
        """Wait for the next step and return when it is due."""
        if not self._step_s:
            return due_s
        now_s = time.monotonic()
        due_s = max(due_s + self._step_s, now_s - _MAX_LAG_STEPS * self._step_s)
        self._stopped.wait(max(due_s - now_s, _CATCH_UP * self._step_s))
        return due_s

    def _check(self, task: Task) -> None:
        for what, expected, got in (
            ('joints', task.joint_names, self._spec.state.joints),
            ('action names', task.action_names, self._spec.action.names),
            ('control_hz', task.control_hz, self._spec.rates.control_hz),
        ):
            if expected != got:
                raise ConfigError(
                    f'{self._spec.path}: got {what} {got}, expected {expected}, '
                    f'as in the task {task.name}'
                )
