# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
How near a pass of the trunk is to what the machine can do.

Peak is the best rate of large matrix products, of onnxruntime and torch, with as many threads and
in the same precision; the share of it is the time that the operations of a pass would take at
their peaks. Compiled layers say where their time goes; a graph is profiled.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

from benchmarks.duel import seconds
from hma_ros.core.generation.rotary import rotations
from hma_ros.export.quantise import quantise
from hma_ros.runtime.engine import LayerEngine
from hma_ros.runtime.manifest import Manifest
from hma_ros.runtime.model import Model, TrunkStep
from hma_ros.runtime.providers import Execution

_PEAK_SIZE, _PEAK_PRODUCTS = 2048, 4
_RUNS = 8
_PRODUCTS = ('MatMul', 'FusedMatMul', 'Gemm')
_INTEGER_PRODUCTS = ('DynamicQuantizeMatMul', 'MatMulIntegerToFloat', 'MatMulInteger')

Session = Any


def limits(folder: Path, stem: str, threads: int) -> dict[str, Any]:
    """
    Profile a pass of one step.

    :returns: a line of the results: seconds, rates, bytes, and shares of time.
    """
    manifest = Manifest.read(folder)
    peak = _peak(manifest.precision, threads)
    exact = peak if manifest.precision == 'fp32' else _peak('fp32', threads)
    trunk = folder / f'trunk_{stem}.onnx'
    feeds = _feeds(_session(str(trunk), threads), manifest)
    model = Model(folder, stem, Execution(provider='cpu', threads=threads, spin=True))
    duration_s, context_bytes = _pass(model)
    work = _flop(manifest, _width(feeds))
    is_compiled = isinstance(model.engine, LayerEngine)
    # Compiled, scores within a row have 8 bits, and what they mix 16; all else stays float32.
    is_whole = is_compiled and manifest.precision == 'int8'
    scores, mixing = (peak, peak / 2) if is_whole else (exact, exact)
    peaks = {
        'products': peak,
        'scores': scores,
        'mixing': mixing,
        'steps': exact,
        'readout': exact,
    }
    return {
        'name': f'limits_{folder.name}',
        'section': 'limits',
        'precision': manifest.precision,
        'pass_s': duration_s,
        'gflop': sum(work.values()) / 1e9,
        'gflop_per_s': sum(work.values()) / duration_s / 1e9,
        'peak_gflop_per_s': peak / 1e9,
        'share_of_peak': sum(flop / peaks[kind] for kind, flop in work.items()) / duration_s,
        'weight_bytes': (folder / 'weights.bin').stat().st_size,
        'context_bytes': context_bytes,
        'shares': _shared(model.engine.layers.spent())
        if is_compiled
        else _profile(trunk, feeds, threads),
    }


def _pass(model: Model) -> tuple[float, int]:
    """Time a step behind a full window, the best of some; and tell the bytes of the context."""
    facts, cache = model.manifest, model.kv_cache()
    tokens = np.zeros((1, facts.image_tokens, facts.factors), np.int64)
    step = TrunkStep.seen(tokens, np.zeros((1, model.stem.chunk_size), np.float32))
    for index in range(facts.window - 1):
        cache.append(index, model.kept(model.run(cache, index, [step])))
    last = facts.window - 1
    if isinstance(model.engine, LayerEngine):
        model.engine.layers.spent()
    best_s = _best_s(lambda: model.run(cache, last, [step]))
    return best_s, sum(array.nbytes for array in cache.feeds.values())


def _width(feeds: dict[str, np.ndarray]) -> int:
    return int(feeds['action'].shape[-1])


def _flop(manifest: Manifest, width: int) -> dict[str, float]:
    """Multiplications and additions of one step, as the graph does them."""
    tokens = manifest.kept_tokens
    per_layer = 2.0 * tokens * width**2
    head = manifest.image_tokens * width * manifest.factors * manifest.factor_size
    spatial = manifest.layers * 2 * tokens**2 * width
    temporal = manifest.layers * 2 * tokens * manifest.window * width
    return {
        'products': manifest.layers * 17 * per_layer,
        'readout': 2.0 * head,
        'scores': float(spatial),
        'mixing': float(spatial),
        'steps': 2.0 * temporal,
    }


def _shared(spent: dict[str, float]) -> dict[str, float]:
    total = sum(spent.values())
    return {kind: duration / total for kind, duration in spent.items()}


def _profile(path: Path, feeds: dict[str, np.ndarray], threads: int) -> dict[str, float]:
    """Split the time of a pass into products with weights, attention, and the rest."""
    with tempfile.TemporaryDirectory() as scratch:
        session = _session(str(path), threads, profile=Path(scratch) / 'profile')
        for _ in range(_RUNS):
            session.run(None, feeds)
        events = json.loads(Path(session.end_profiling()).read_text())
    spent: Counter[str] = Counter()
    for event in events:
        if event.get('cat') == 'Node' and event['name'].endswith('_kernel_time'):
            spent[_kind(event['args'])] += event['dur']
    return _shared(dict(spent.most_common()))


def _kind(node: dict[str, Any]) -> str:
    operator = node['op_name']
    if operator in _INTEGER_PRODUCTS:
        return 'products with weights'
    if operator in _PRODUCTS:
        # Weights that were packed ahead are not listed among the inputs.
        return (
            'attention' if len(node.get('input_type_shape', ())) > 1 else 'products with weights'
        )
    return (
        'attention' if operator in ('MultiHeadAttention', 'Softmax', 'ReduceSum') else 'the rest'
    )


def _feeds(session: Session, manifest: Manifest) -> dict[str, np.ndarray]:
    """Draw inputs of one step in the middle of a full window."""
    generator, step = np.random.default_rng(0), manifest.window - 1
    tokens = (1, 1, manifest.image_tokens)
    known: dict[str, Callable[[], np.ndarray]] = {
        'tokens': lambda: generator.integers(0, manifest.factor_size, (*tokens, manifest.factors)),
        'masked': lambda: generator.random(tokens) < 0.5,
        'index': lambda: np.array([step]),
        'past_index': lambda: np.arange(step),
        'rotation': lambda: rotations(np.array([step]), manifest.head_width),
    }
    feeds = {}
    for port in session.get_inputs():
        shape = [size if isinstance(size, int) else 1 for size in port.shape]
        if port.name.startswith(('past_key', 'past_value')):
            shape[-2] = step
        make = known.get(port.name, lambda shape=shape: 0.1 * generator.standard_normal(shape))
        value = make()
        feeds[port.name] = value if port.name in known else value.astype(np.float32)
    return feeds


def _peak(precision: str, threads: int) -> float:
    """Measure the best rate of large products, operations a second."""
    return max(_onnxruntime_peak(precision, threads), _torch_peak(precision, threads))


def _torch_peak(precision: str, threads: int) -> float:
    torch.set_num_threads(threads)
    matrix = torch.randn(_PEAK_SIZE, _PEAK_SIZE)
    if precision == 'int8':
        matrix = (matrix * 20).to(torch.int8)
        return 2.0 * _PEAK_SIZE**3 / _best_s(lambda: torch._int_mm(matrix, matrix))
    return 2.0 * _PEAK_SIZE**3 / _best_s(lambda: matrix @ matrix)


def _best_s(work: Callable[[], Any]) -> float:
    return min(seconds(work) for _ in range(_RUNS))


def _onnxruntime_peak(precision: str, threads: int) -> float:
    size = _PEAK_SIZE
    weights = np.random.default_rng(0).standard_normal((size, size), np.float32)
    # What comes last is no product: quantising leaves readouts as they are.
    names = [*(f'x{index}' for index in range(_PEAK_PRODUCTS + 1)), 'corner']
    nodes = [
        helper.make_node('MatMul', [before, 'w'], [after], name=f'product_{after}')
        for before, after in pairwise(names[:-1])
    ]
    nodes.append(helper.make_node('MatMul', [names[-2], 'column'], [names[-1]], name='readout'))
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [size, width])
        for name, width in ((names[0], size), (names[-1], 1))
    ]
    initial = [
        numpy_helper.from_array(weights / size**0.5, 'w'),
        numpy_helper.from_array(weights[:, :1], 'column'),
    ]
    graph = helper.make_graph(nodes, 'peak', [ports[0]], [ports[1]], initial)
    opsets = [helper.make_opsetid('', 18)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    if precision == 'int8':
        model = quantise(model)
    session = _session(model.SerializeToString(), threads)
    feeds = {names[0]: weights}
    return 2.0 * size**3 * _PEAK_PRODUCTS / _best_s(lambda: session.run(None, feeds))


def _session(source: str | bytes, threads: int, profile: Path | None = None) -> Session:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile)
    return onnxruntime.InferenceSession(source, options, providers=['CPUExecutionProvider'])
