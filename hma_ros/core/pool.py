# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Where units of work run: in this process, in processes of this machine, or on a Ray cluster."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from hma_ros.core.errors import ConfigError
from hma_ros.core.parent_process import follow_parent, parent_environment
from hma_ros.core.short_text import quoted, shortened

Unit = TypeVar('Unit')
Result = TypeVar('Result')

# The cluster that this machine is part of, or a new one.
AUTO = 'auto'
# Units submitted per worker: bounds the memory of results that wait for earlier ones.
_AHEAD = 4
_CONNECT_S = 5.0


@dataclass(frozen=True)
class Pool:
    """
    Workers that share units of work.

    Ray runs a unit again if its worker died. So units are idempotent, and only what they return is
    used.

    :param processes: on this machine; 1 is this process.
    :param ray: ``HOST:PORT`` of a Ray cluster, or :data:`AUTO`; None for processes.
    """

    processes: int = 1
    ray: str | None = None

    @property
    def is_serial(self) -> bool:
        """Whether all units run in this process."""
        return self.ray is None and self.processes <= 1

    def map(self, work: Callable[[Unit], Result], units: Iterable[Unit]) -> Iterator[Result]:
        """
        Yield the results in the order of the units.

        Iterate in one thread, which outlives the results: workers end with it.

        :param work: a function of a module, or a partial of one; its exceptions are raised here.
            Arrays that Ray delivers are read-only.
        :raises ConfigError: no Ray, no such cluster, or a worker that died (on Ray, four times).
        """
        if self.is_serial:
            return map(work, units)
        if self.ray is None:
            return _in_processes(self.processes, work, units)
        return _on_ray(_connect(self.ray), work, units)


SERIAL = Pool()


def _in_processes(
    count: int, work: Callable[[Unit], Result], units: Iterable[Unit]
) -> Iterator[Result]:
    context, parent = multiprocessing.get_context('spawn'), parent_environment()
    # A command that is killed leaves no workers behind.
    pool = ProcessPoolExecutor(count, context, initializer=_begin, initargs=(parent,))
    try:
        yield from _in_order(
            lambda unit: pool.submit(work, unit), lambda future: future.result(), units, count
        )
    except BrokenProcessPool as error:
        raise ConfigError(
            f'--workers: got {count} processes of which one died, expected them to live until '
            'their work is done; check whether memory ran out (dmesg), and use fewer'
        ) from error
    except BaseException:
        # Ctrl-C, an error, or nobody wants the results: a unit may take minutes more.
        _terminate(pool)
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(parent: dict[str, str]) -> None:
    """Leave Ctrl-C to the command, which ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    follow_parent(parent)


def _terminate(pool: ProcessPoolExecutor) -> None:
    """End the workers at once; Python has a public method for this from 3.14 on."""
    for process in list((pool._processes or {}).values()):
        process.terminate()


def _on_ray(ray: Any, work: Callable[[Unit], Result], units: Iterable[Unit]) -> Iterator[Result]:
    task, folder, function = ray.remote(_work), Path.cwd(), ray.put(work)

    def result(reference: Any) -> Any:
        try:
            return ray.get(reference)
        except ray.exceptions.RayTaskError as error:
            raise error.cause from error
        except ray.exceptions.RayError as error:
            raise ConfigError(
                f'--ray: got {shortened(error)}, expected workers that live '
                'until their work is done; look into the logs of Ray'
            ) from error

    workers = max(1, int(ray.cluster_resources().get('CPU', 1)))
    yield from _in_order(
        lambda unit: task.remote(folder, function, unit), result, units, workers, ray.cancel
    )


def _in_order(
    submit: Callable[[Unit], Any],
    result: Callable[[Any], Result],
    units: Iterable[Unit],
    workers: int,
    cancel: Callable[[Any], object] = lambda pending: None,
) -> Iterator[Result]:
    waiting = iter(units)
    pending = deque(submit(unit) for unit in islice(waiting, _AHEAD * workers))
    try:
        while pending:
            done = result(pending.popleft())
            pending.extend(submit(unit) for unit in islice(waiting, 1))
            yield done
    finally:
        for left in pending:
            cancel(left)


def _work(folder: Path, work: Callable[[Unit], Result], unit: Unit) -> Result:
    """Run a unit in a process of Ray, in the working directory of the command."""
    os.chdir(folder)
    return work(unit)


def _connect(address: str) -> Any:
    """Return Ray, connected until this process ends."""
    os.environ.setdefault('RAY_USAGE_STATS_ENABLED', '0')
    try:
        import ray
    except ImportError as error:
        raise ConfigError(
            f'--ray: got {error}, expected the package ray; pip install -r requirements/ray.txt'
        ) from error
    if not ray.is_initialized():
        if address != AUTO:
            _check(address)
        try:
            ray.init(
                None if address == AUTO else address,
                logging_level=logging.WARNING,
                log_to_driver=False,  # Ray's lines would mix with those of the command.
            )
        # Ray raises exceptions of many kinds, such as for another version of Python.
        except Exception as error:
            raise ConfigError(
                f'--ray: got {shortened(error)}, expected a cluster that this machine is part of, '
                'with its Python, Ray and RAY_AUTH_MODE'
            ) from error
    return ray


def _check(address: str) -> None:
    """Refuse an address where nothing listens, which Ray would try for minutes."""
    host, _, port = address.rpartition(':')
    try:
        socket.create_connection((host, int(port)), _CONNECT_S).close()
    except (OSError, ValueError) as error:
        raise ConfigError(
            f'--ray: got {quoted(address)} ({error}), expected HOST:PORT of a Ray cluster, as '
            '`ray start --head` prints it'
        ) from error
