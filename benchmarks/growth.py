# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""How time and memory grow: with steps streamed, horizon, candidates, and the window."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.duel import seconds
from benchmarks.latency import resident_mib
from benchmarks.random_models import STEM, bundle, discrete_config, random_discrete
from hma_ros.core.progress import Progress
from hma_ros.runtime.model import Model, TrunkStep
from hma_ros.runtime.providers import Execution
from hma_ros.runtime.world_model import WorldModel

HORIZONS = (1, 2, 4, 8, 16, 32)
CANDIDATES = (1, 2, 4, 8, 16, 32, 64)
WINDOWS = (4, 8, 16)
# Enough to see how a pass grows with the window, without the whole of Base.
_LAYERS = 4
_REPEATS = 5

Results = list[dict[str, Any]]


def stream_growth(model: WorldModel, frames: np.ndarray, steps: int) -> dict[str, Any]:
    """Stream steps through one context: observe and act; median of each tenth."""
    chunk = np.zeros((model.stem.stride, model.stem.action_dim), np.float32)
    joints = np.zeros(len(model.stem.measured_names), np.float32)
    durations, memory_mib = np.zeros(steps), []
    model.reset()
    for step in Progress(range(steps), 'stream', unit='step'):
        start = time.perf_counter()
        model.observe(frames[step % len(frames)], chunk, joints)
        model.act()
        durations[step] = time.perf_counter() - start
        if (step + 1) % max(1, steps // 10) == 0:
            memory_mib.append(resident_mib())
    tenths_s = [float(np.median(part)) for part in np.array_split(durations, 10)]
    return {
        'name': 'growth_steps',
        'section': 'growth',
        'steps': steps,
        'tenths_s': tenths_s,
        'last_over_first': tenths_s[-1] / tenths_s[0],
        'memory_mib': memory_mib,
    }


def horizon_growth(model: WorldModel, frames: np.ndarray) -> dict[str, Any]:
    """Imagine rollouts of different length."""
    _see(model, frames)
    durations = [
        min(seconds(lambda horizon=horizon: model.imagine(None, horizon)) for _ in range(_REPEATS))
        for horizon in HORIZONS
    ]
    memory_mib = [
        _memory_of(lambda horizon=horizon: model.imagine(None, horizon)) for horizon in HORIZONS
    ]
    per_frame = [duration / steps for duration, steps in zip(durations, HORIZONS, strict=True)]
    return {
        'name': 'growth_horizon',
        'section': 'growth',
        'horizons': list(HORIZONS),
        'seconds': durations,
        'seconds_per_frame': per_frame,
        'memory_mib': memory_mib,
        'last_over_first_per_frame': per_frame[-1] / per_frame[0],
    }


def candidate_growth(model: WorldModel, frames: np.ndarray, horizon: int = 4) -> dict[str, Any]:
    """Imagine the futures of many action sequences from one context, as one batch."""
    _see(model, frames)
    shape = (horizon, model.stem.stride, model.stem.action_dim)
    lower, upper = np.array(model.stem.lower), np.array(model.stem.upper)
    chunks = np.random.default_rng(0).uniform(lower, upper, (max(CANDIDATES), *shape))
    chunks = chunks.astype(np.float32)
    durations = [
        min(
            seconds(lambda count=count: model.imagine_candidates(chunks[:count], horizon))
            for _ in range(_REPEATS)
        )
        for count in CANDIDATES
    ]
    memory_mib = [
        _memory_of(lambda count=count: model.imagine_candidates(chunks[:count], horizon))
        for count in CANDIDATES
    ]
    return {
        'name': 'growth_candidates',
        'section': 'growth',
        'candidates': list(CANDIDATES),
        'seconds': durations,
        'memory_mib': memory_mib,
        'seconds_per_candidate': [
            duration / count for duration, count in zip(durations, CANDIDATES, strict=True)
        ],
        'last_over_first': durations[-1] / durations[0],
    }


def window_growth(scratch: Path, threads: int) -> dict[str, Any]:
    """Time a pass of one step of Base's width with windows of different length."""
    durations, context_mib = [], []
    for window in WINDOWS:
        model = random_discrete(discrete_config(window=window, layers=_LAYERS))
        folder = bundle(model, scratch / f'growth_T{window}', 'fp32')
        runtime = Model(folder, STEM, Execution(provider='cpu', threads=threads))
        cache = runtime.kv_cache()
        tokens = np.zeros((1, runtime.manifest.image_tokens, 2), np.int64)
        item = TrunkStep.seen(tokens, np.zeros((1, 2), np.float32))
        for index in range(window - 1):
            cache.append(index, runtime.kept(runtime.run(cache, index, [item])))
        last = window - 1
        durations.append(
            min(
                seconds(lambda r=runtime, k=cache, i=last, x=item: r.run(k, i, [x]), 3)
                for _ in range(_REPEATS)
            )
        )
        manifest = runtime.manifest
        slots = 8 * manifest.layers * manifest.heads * manifest.head_width * (window - 1)
        context_mib.append(slots * manifest.kept_tokens / 2**20)
    return {
        'name': 'growth_window',
        'section': 'growth',
        'windows': list(WINDOWS),
        'layers': _LAYERS,
        'seconds': durations,
        'memory_mib': context_mib,
    }


def _memory_of(work: Callable[[], object]) -> float:
    """Most memory that numpy and Python take for something, beside the runtime's own, MiB."""
    tracemalloc.start()
    work()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 2**20


def _see(model: WorldModel, frames: np.ndarray) -> None:
    model.reset()
    joints = np.zeros(len(model.stem.measured_names), np.float32)
    for frame in frames[: model.manifest.window]:
        model.observe(frame, None, joints)
