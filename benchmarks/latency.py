# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""How long a world model takes, and how much memory, on frames it has not seen."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hma_ros.core.progress import Progress
from hma_ros.data.episodes import EpisodeDataset
from hma_ros.runtime.frames import BundleCodec
from hma_ros.runtime.providers import Execution
from hma_ros.runtime.world_model import WorldModel

_WARM_UP = 10
_HORIZON = 8


@dataclass(frozen=True)
class Percentiles:
    """Durations in milliseconds."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class Latency:
    """
    One embodiment on one machine.

    :param steps: streamed through one context, without a reset.
    :param period_ms: time between two steps of the robot.
    :param imagine_ms: for one frame of a rollout of eight.
    :param first_tenth_ms: median of observe and act over the first tenth of the steps.
    :param last_tenth_ms: likewise over the last tenth.
    :param memory_mib: resident memory of the whole process after the last step.
    :param memory_growth_mib: of it, what was added since the first tenth.
    """

    embodiment: str
    threads: int
    steps: int
    period_ms: float
    observe_act_ms: Percentiles
    imagine_ms: Percentiles
    encode_ms: Percentiles
    decode_ms: Percentiles
    first_tenth_ms: float
    last_tenth_ms: float
    memory_mib: float
    memory_growth_mib: float


def measure_latency(
    folder: Path, stem: str, episode_folders: Sequence[Path], steps: int, threads: int = 2
) -> Latency:
    """
    Measure in a process of its own, so that its memory is that of one world model.

    :param folder: of the bundle.
    :param episode_folders: of the stem's embodiment.
    :param steps: to stream, at least 20.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context('spawn')) as pool:
        return pool.submit(_measure, folder, stem, episode_folders, steps, threads).result()


def _measure(
    folder: Path, stem: str, episode_folders: Sequence[Path], steps: int, threads: int
) -> Latency:
    execution = Execution(threads=threads)
    model = WorldModel(folder, stem, execution)
    codec = BundleCodec(model.manifest, execution)
    frames, chunks = _material(EpisodeDataset(episode_folders))
    stream_ms, memory_mib = _stream(model, frames, chunks, steps)
    tenth = steps // 10
    repeats = max(20, steps // 20)
    tokens = codec.encode(frames[0])
    imagined = _durations(lambda: model.imagine(chunks[:_HORIZON], _HORIZON), repeats)
    return Latency(
        embodiment=model.stem.embodiment,
        threads=threads,
        steps=steps,
        period_ms=1e3 / model.stem.frame_hz,
        observe_act_ms=_percentiles(stream_ms[_WARM_UP:]),
        imagine_ms=_percentiles(imagined / _HORIZON),
        encode_ms=_percentiles(_durations(lambda: codec.encode(frames[0]), repeats)),
        decode_ms=_percentiles(_durations(lambda: codec.decode(tokens), repeats)),
        first_tenth_ms=float(np.median(stream_ms[:tenth])),
        last_tenth_ms=float(np.median(stream_ms[-tenth:])),
        memory_mib=memory_mib[-1],
        memory_growth_mib=memory_mib[-1] - memory_mib[tenth - 1],
    )


def _material(episodes: EpisodeDataset) -> tuple[np.ndarray, np.ndarray]:
    """Return frames and the chunks executed before them, in memory."""
    frames = np.concatenate([episode.frames[1:] for episode in episodes])
    return frames, np.concatenate([episode.actions for episode in episodes])


def _stream(
    model: WorldModel, frames: np.ndarray, chunks: np.ndarray, steps: int
) -> tuple[np.ndarray, list[float]]:
    """Observe and act at every step; returns durations in ms and the memory in MiB after each."""
    durations, memory_mib = np.zeros(steps), []
    for step in Progress(range(steps), f'{model.stem.embodiment} stream', unit='step'):
        index = step % len(frames)
        start = time.perf_counter()
        model.observe(frames[index], chunks[index])
        model.act()
        durations[step] = 1e3 * (time.perf_counter() - start)
        memory_mib.append(resident_mib())
    return durations, memory_mib


def _durations(work: Callable[[], object], repeats: int) -> np.ndarray:
    """Time some calls, in ms, after a few to warm up."""
    for _ in range(3):
        work()
    durations = np.zeros(repeats)
    for index in range(repeats):
        start = time.perf_counter()
        work()
        durations[index] = 1e3 * (time.perf_counter() - start)
    return durations


def _percentiles(durations_ms: np.ndarray) -> Percentiles:
    return Percentiles(*(float(value) for value in np.percentile(durations_ms, [50, 95, 99])))


def resident_mib() -> float:
    """Memory of this process that is in RAM, MiB."""
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE') / 2**20
