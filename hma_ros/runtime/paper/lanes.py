# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
A trunk whose tokens are shared out to lanes, each with a thread and graphs of its own.

Lanes run a layer at a time and wait for each other behind it, since the next one begins with what
all of them made: see :mod:`hma_ros.network.paper.lanes`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from threading import Barrier, BrokenBarrierError, Lock

import numpy as np

from hma_ros.core.errors import InferenceError
from hma_ros.core.lanes import LANES
from hma_ros.runtime.bound_graph import BoundGraph, DeviceArray
from hma_ros.runtime.graph import Arrays, Graph
from hma_ros.runtime.providers import Execution

_STATE = ('x', 'query', 'key', 'value')
_KEPT = ('key', 'value')


class Lanes:
    """
    Runs the trunk of one stem, rows of one call at a time; every lane has one thread.

    :param open_graph: opens a graph of the bundle by its name without ending.
    :param layers: of the trunk.
    :param execution: on the CPU.
    :raises BundleError: a graph is missing or broken.

    ``past`` names the kept rows that it reads, in the order in which it gives new ones.
    """

    def __init__(
        self,
        open_graph: Callable[[str, Execution], Graph],
        stem: str,
        layers: int,
        execution: Execution,
    ) -> None:
        # Threads that wait busily for their next graph would take the cores of the lanes.
        whole = replace(execution, threads=LANES, spin=False)
        lane = replace(whole, threads=1)
        self._enter = open_graph(f'enter_{stem}', whole)
        self._leave = open_graph(f'leave_{stem}', whole)
        # Of its own for every lane: memory in which both worked would go from core to core.
        self._layers = [
            [open_graph(f'layer_{index}_{stem}', lane) for index in range(layers)]
            for _ in range(LANES)
        ]
        self.past = [
            f'past_{what}_{layer}_{lane}'
            for layer in range(layers)
            for what in _KEPT
            for lane in range(LANES)
        ]
        self._others = ThreadPoolExecutor(LANES - 1, 'lane')
        self._passes: dict[tuple[int, ...], _Pass] = {}
        self._turn = Lock()

    def __call__(self, feeds: Arrays, past: Arrays) -> dict[str, np.ndarray]:
        """
        Compute some rows.

        :param feeds: what the trunk takes of them.
        :param past: kept rows, ``past_key_I_L`` and ``past_value_I_L`` of every layer and lane,
            ``float32[B, N / lanes, H, slots, D]``.
        :returns: what the trunk says of them; and likewise ``kept_key_I_L``, ``kept_value_I_L``,
            ``float32[B, R, N / lanes, H, D]``, valid until rows of the same shape are computed.
        :raises InferenceError: a graph failed, or what is said of the rows is not finite.
        """
        with self._turn:
            state = _run(self._enter, feeds)
            shape = state['x_0'].shape[:2]
            if shape not in self._passes:
                self._passes[shape] = _Pass(self._layers, feeds, state, past)
            current = self._passes[shape]
            current.take(feeds, state, past)
            current.run(self._others)
            return {**_run(self._leave, {**feeds, **current.left}), **current.kept}


class _Pass:
    """
    Memory of rows of one shape, and the graphs bound to it.

    A layer reads one of two states and writes the other: what a slower lane still reads is not
    written before it comes to the end of the layer.
    """

    def __init__(
        self, lanes: Sequence[Sequence[Graph]], feeds: Arrays, state: Arrays, past: Arrays
    ) -> None:
        first = lanes[0][0]
        self._feeds = {name: feeds[name].copy() for name in feeds if name in first.inputs}
        self._states = [{name: array.copy() for name, array in state.items()} for _ in range(2)]
        self._past: Arrays = {}
        shape = state['x_0'].shape[:2]
        self.kept = {
            name.replace('past', 'kept', 1): _kept_of(array, shape) for name, array in past.items()
        }
        self._lanes = [
            [self._bound(graph, layer, lane) for layer, graph in enumerate(graphs)]
            for lane, graphs in enumerate(lanes)
        ]
        self.left = {
            name: array
            for name, array in self._states[len(lanes[0]) % 2].items()
            if name.startswith('x_')
        }

    def take(self, feeds: Arrays, state: Arrays, past: Arrays) -> None:
        """Copy what the next run reads to where it reads it; kept rows stay where they are."""
        for own, given in ((self._feeds, feeds), (self._states[0], state)):
            for name, array in own.items():
                np.copyto(array, given[name])
        if past is self._past:
            return
        for lane, graphs in enumerate(self._lanes):
            for layer, graph in enumerate(graphs):
                for what in _KEPT:
                    graph.bind(f'past_{what}', _bindable(past[f'past_{what}_{layer}_{lane}']))
        self._past = past

    def run(self, others: ThreadPoolExecutor) -> None:
        """
        Run all layers, the first lane in the caller's thread.

        However it ends, no lane is running then.

        :raises InferenceError: a lane failed, or has no thread.
        """
        meeting, running = Barrier(LANES), list[Future[None]]()
        first, *rest = self._lanes
        try:
            for graphs in rest:
                running.append(others.submit(_run_lane, graphs, meeting))
            _run_lane(first, meeting)
        except BrokenBarrierError:
            pass  # the lane that failed says why, below
        except BaseException as error:
            meeting.abort()
            if isinstance(error, RuntimeError):
                raise InferenceError(f'lanes: {error}; expected a thread for each') from error
            raise
        finally:
            wait(running)
        for lane in running:
            lane.result()

    def _bound(self, graph: Graph, layer: int, lane: int) -> BoundGraph:
        bound = BoundGraph(graph, [*graph.inputs, *graph.outputs])
        now, after = self._states[layer % 2], self._states[(layer + 1) % 2]
        arrays = {
            **self._feeds,
            **now,
            **{name: now[f'{name}_{lane}'] for name in ('x', 'query')},
            **{f'{name}_next': after[f'{name}_{lane}'] for name in _STATE},
            **{f'kept_{what}': self.kept[f'kept_{what}_{layer}_{lane}'] for what in _KEPT},
        }
        for name in (*bound.plan.device_in, *bound.plan.device_out):
            if name in arrays:
                bound.bind(name, _bindable(arrays[name]))
        return bound


def _run(graph: Graph, feeds: Arrays) -> dict[str, np.ndarray]:
    outputs = graph({name: feeds[name] for name in graph.inputs})
    return dict(zip(graph.outputs, outputs, strict=True))


def _run_lane(graphs: Sequence[BoundGraph], meeting: Barrier) -> None:
    try:
        for graph in graphs:
            graph({})
            meeting.wait()
    except BaseException:
        meeting.abort()
        raise


def _kept_of(past_BNHPD: np.ndarray, shape_BR: tuple[int, ...]) -> np.ndarray:
    _, tokens, heads, _, width = past_BNHPD.shape
    return np.zeros((*shape_BR, tokens, heads, width), past_BNHPD.dtype)


def _bindable(array: np.ndarray) -> DeviceArray:
    """See an array of the host as one on the device, without a copy."""
    return DeviceArray(array, array.ctypes.data, array.shape, array.dtype)
