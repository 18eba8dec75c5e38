# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What the compiled layers gain over onnxruntime, for each instruction set that runs here.

All sides of a round follow each other in one process and are compared by the medians of their
rounds, as ratios: other work on the machine meets all of them. onnxruntime cannot be told to leave
out instructions: on a machine that has more than the set measured, the gain is a lower bound.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.duel import seconds
from benchmarks.random_models import (
    STEM,
    bundle,
    continuous_config,
    discrete_config,
    random_continuous,
    random_discrete,
)
from hma_ros.evaluation.measurements import write_measurements
from hma_ros.network.config import Compat
from hma_ros.runtime import compiled
from hma_ros.runtime.manifest import Manifest
from hma_ros.runtime.model import Model, TrunkStep
from hma_ros.runtime.providers import Execution

_PRECISIONS = ('fp32', 'int8')
# Tokens that a diffusion head samples at a time, of 256 in a frame.
_SAMPLES = 128

Pass = Callable[[], object]


def native_results(scratch: Path, threads: int, rounds: int, layers: int) -> list[dict[str, Any]]:
    """
    Measure the layers of a trunk and the step of a diffusion head, of HMA-Base.

    :param scratch: where bundles are made, and looked for.
    :param rounds: of each comparison.
    :param layers: of the trunk that is measured; Base has 32 equal ones.
    """
    results = []
    for precision in _PRECISIONS:
        config = discrete_config(layers=layers)
        folder = scratch / f'native_{layers}_{precision}'
        bundle(random_discrete(config), folder, precision)
        passes = _each_isa(lambda folder=folder: _trunk(folder, threads))  # type: ignore[misc]
        results += _compare(f'trunk, {layers} layers', precision, passes, rounds)
        config = replace(continuous_config(Compat.UPSTREAM), layers=1)
        folder = scratch / f'native_head_{precision}'
        bundle(random_continuous(config), folder, precision)
        passes = _each_isa(lambda folder=folder: _step(folder, threads))  # type: ignore[misc]
        results += _compare('step of a diffusion head', precision, passes, rounds)
    return results


def _each_isa(make: Callable[[], Pass]) -> dict[str, Pass]:
    """Build a pass for each library that runs here, and one for onnxruntime alone."""
    before = os.environ.get(compiled.ISA_VARIABLE)
    passes: dict[str, Pass] = {}
    try:
        for name in compiled.ISAS:
            os.environ[compiled.ISA_VARIABLE] = name
            compiled._load.cache_clear()
            passes[name if compiled.library() else 'onnxruntime'] = make()
    finally:
        os.environ.pop(compiled.ISA_VARIABLE, None)
        if before is not None:
            os.environ[compiled.ISA_VARIABLE] = before
        compiled._load.cache_clear()
    return passes


def _trunk(folder: Path, threads: int) -> Pass:
    """A pass of one step behind a full window."""
    model = Model(folder, STEM, Execution(provider='cpu', threads=threads))
    facts, cache = model.manifest, model.kv_cache()
    tokens = np.zeros((1, facts.image_tokens, facts.factors), np.int64)
    step = TrunkStep.seen(tokens, np.zeros((1, model.stem.chunk_size), np.float32))
    last = facts.window - 1
    for index in range(last):
        cache.append(index, model.kept(model.run(cache, index, [step])))
    return lambda: model.run(cache, last, [step])


def _step(folder: Path, threads: int) -> Pass:
    """A denoising step of some samples."""
    model = Model(folder, STEM, Execution(provider='cpu', threads=threads))
    head = next(
        path.stem for path in sorted(folder.glob('denoise_*.onnx')) if path.stem != 'denoise'
    )
    part = model.engine.part(head)
    facts = Manifest.read(folder)
    rng = np.random.default_rng(0)
    size, width = facts.sample_size(head.partition('_')[2]), 1024

    def drawn(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    inputs = {
        'x': drawn(_SAMPLES, size),
        'condition': drawn(_SAMPLES, width),
        'time': drawn(1, width),
    }
    return lambda: part(inputs)


def _compare(
    what: str, precision: str, passes: Mapping[str, Pass], rounds: int
) -> list[dict[str, Any]]:
    taken: dict[str, list[float]] = {name: [] for name in passes}
    for measured in passes.values():
        measured()
    for _ in range(rounds):
        for name, measured in passes.items():
            taken[name].append(seconds(measured))
    baseline_s = taken.pop('onnxruntime')
    results = []
    for name, own_s in taken.items():
        ratios = [theirs / ours for theirs, ours in zip(baseline_s, own_s, strict=True)]
        results.append(
            {
                'name': 'native',
                'what': what,
                'precision': precision,
                'isa': name,
                'gain': median(baseline_s) / median(own_s),
                'gain_quartiles': [float(q) for q in np.quantile(ratios, (0.25, 0.75))],
                'ours_ms': 1e3 * median(own_s),
                'onnxruntime_ms': 1e3 * median(baseline_s),
                'rounds': rounds,
            }
        )
        print(f'{what:26} {precision} {name:11} {results[-1]["gain"]:.2f}x', flush=True)
    return results


def main() -> int:
    """Measure, print, and write the results as JSON."""
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.native', description=(__doc__ or '').strip()
    )
    parser.add_argument('--out', type=Path, default=Path('benchmarks/out/native.json'))
    parser.add_argument('--scratch', type=Path, default=Path('out/bench'), help='made once')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--rounds', type=int, default=31)
    parser.add_argument('--layers', type=int, default=8)
    args = parser.parse_args()
    results = native_results(args.scratch, args.threads, args.rounds, args.layers)
    words = (f'--threads {args.threads}', f'--rounds {args.rounds}', f'--layers {args.layers}')
    write_measurements(args.out, f'python -m benchmarks.native {" ".join(words)}', results)
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
