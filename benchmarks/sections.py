# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What can be measured, by name; heavy imports inside, so that a robot needs no torch."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.latency import measure_latency
from benchmarks.ros_latency import ros_latency
from hma_ros.bringup import bundle_folder
from hma_ros.core.errors import ConfigError
from hma_ros.data.episodes import EpisodeDataset
from hma_ros.data.shards import find_shards
from hma_ros.evaluation.held_out import fresh_episodes, kinds
from hma_ros.evaluation.measurements import as_result
from hma_ros.evaluation.prediction import PredictionConfig, measure_prediction
from hma_ros.runtime.manifest import Manifest
from hma_ros.runtime.providers import Execution
from hma_ros.runtime.world_model import WorldModel

Results = list[dict[str, Any]]


def robot(args: argparse.Namespace) -> Results:
    """Latency, memory and prediction of a bundle, robot by robot."""
    folder, stems = _stems(args)
    size, results = Manifest.read(folder).image_size, Results()
    for name, stem in stems.items():
        with tempfile.TemporaryDirectory() as scratch:
            episodes = fresh_episodes(scratch, name, kinds(args.episodes), image_size=size)
            shards = find_shards(scratch, name, 'val')
            latency = measure_latency(folder, stem, shards, max(20, args.steps), args.threads)
            prediction = measure_prediction(
                WorldModel(folder, stem, Execution(threads=args.threads)),
                episodes,
                PredictionConfig(max_steps=args.prediction_steps),
            )
        results += [as_result('latency', latency), as_result('prediction', prediction)]
        if args.ros_episodes > 0:
            through_ros = ros_latency(folder, name, args.ros_episodes)
            results.append(as_result('ros_latency', through_ros))
    return results


def shipped(args: argparse.Namespace) -> Results:
    """The shipped bundle against itself without a context, and how it grows."""
    from benchmarks.growth import candidate_growth, horizon_growth, stream_growth
    from benchmarks.shipped import shipped_results

    folder, stems = _stems(args)
    name, stem = next(iter(stems.items()))
    with tempfile.TemporaryDirectory() as scratch:
        size = Manifest.read(folder).image_size
        fresh_episodes(scratch, name, kinds(args.episodes), image_size=size)
        dataset = EpisodeDataset(find_shards(scratch, name, 'val'))
        frames = np.concatenate([episode.frames for episode in dataset])
    model = WorldModel(folder, stem, Execution(threads=args.threads))
    return [
        *shipped_results(model, frames, args.rounds),
        stream_growth(model, frames, args.steps),
        horizon_growth(model, frames),
        candidate_growth(model, frames),
    ]


def speed(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The paper's sizes against the published algorithm."""
    from benchmarks.growth import window_growth
    from benchmarks.limits import limits
    from benchmarks.memory import keep_memory
    from benchmarks.random_models import STEM
    from benchmarks.speed import speed_results

    keep_memory()
    if args.only_like not in ('limits', 'growth'):
        yield from speed_results(args.scratch, args.threads, args.rounds, args.only_like)
    if args.only_like not in ('', 'limits', 'growth'):
        return
    folders = [args.scratch / name for name in ('base_T12_fp32', 'base_T12_int8')]
    yield from (limits(folder, STEM, args.threads) for folder in folders)
    yield window_growth(args.scratch, args.threads)


def tokenizers(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Frame tokenizers of released models in fp32, bf16 and int8."""
    from benchmarks.tokenizers import tokenizer_results

    yield from tokenizer_results(args.scratch, args.threads, args.rounds)


def quality(args: argparse.Namespace) -> Results:
    """What few-step sampling and int8 cost in images, on models that were trained here."""
    if not args.trained:
        print('quality: no --trained models are given, left out')
        return []
    from benchmarks.quality import quality_results

    results: Results = []
    with tempfile.TemporaryDirectory() as scratch:
        episodes = {}
        size = Manifest.read(args.trained[0] / 'fp32').image_size
        for name, stem in _stems(args)[1].items():
            fresh_episodes(scratch, name, kinds(args.episodes), image_size=size)
            episodes[stem] = EpisodeDataset(find_shards(scratch, name, 'val'))
        for folder in args.trained:
            exact, quick = folder / 'fp32', folder / 'int8'
            entries = quality_results(exact, quick, episodes, args.contexts, args.threads)
            results += [{**entry, 'section': 'quality'} for entry in entries]
    return results


def training(args: argparse.Namespace) -> Results:
    """Sequences a second against the plain loop."""
    from benchmarks.training import training_results

    return training_results(args.rounds, args.threads)


def faults(_args: argparse.Namespace) -> Results:
    """Faults around the executor; they have a file of their own."""
    from benchmarks.faults.__main__ import main

    if main([]):
        raise ConfigError('faults: got failed ones, expected none; see above')
    return []


def _stems(args: argparse.Namespace) -> tuple[Path, dict[str, str]]:
    """Return the bundle, and the stems to measure by robot."""
    manifest = Manifest.read(bundle_folder(args.bundle))
    stems = {info.embodiment: stem for stem, info in manifest.robots.items()}
    for name in args.robot:
        if name not in stems:
            raise ConfigError(f"--robot: '{name}', expected one of {', '.join(stems)}")
    return manifest.folder, {name: stems[name] for name in args.robot or stems}


SECTIONS: dict[str, Callable[[argparse.Namespace], Iterable[dict[str, Any]]]] = {
    'robot': robot,
    'shipped': shipped,
    'speed': speed,
    'tokenizers': tokenizers,
    'quality': quality,
    'training': training,
    'faults': faults,
}
# What nobody names takes a while of its own.
MEASURED_TOGETHER = tuple(name for name in SECTIONS if name != 'faults')
