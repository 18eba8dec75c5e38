# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Lanes run side by side, and fail together."""

import json
import queue
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from hma_ros.core.errors import BundleError, ConfigError, InferenceError
from hma_ros.core.lanes import LANES
from hma_ros.runtime.bound_graph import BoundGraph
from hma_ros.runtime.engines import graphs_of
from hma_ros.runtime.manifest import FILE_NAME
from hma_ros.runtime.paper.engine import HostEngine, LaneEngine
from hma_ros.runtime.paper.lanes import Lanes
from hma_ros.runtime.paper.model import PaperModel, Row
from hma_ros.runtime.providers import Execution

STEM = 'planar_push'
ONE = Execution(provider='cpu', threads=1)
TWO = Execution(provider='cpu', threads=LANES)
DEADLINE_S = 60
Make = Callable[..., Path]


def rows(model: PaperModel, count: int, batch: int = 1) -> list[Row]:
    facts, random = model.manifest, np.random.default_rng(0)
    shape = (batch, facts.image_tokens)
    found = []
    for _ in range(count):
        if facts.kind == 'discrete':
            tokens = random.integers(0, facts.factor_size, (*shape, facts.factors))
        else:
            tokens = random.standard_normal((*shape, facts.patch_size)).astype(np.float32)
        found.append(Row.seen(tokens, random.uniform(-0.1, 0.1, (batch, 2)).astype(np.float32)))
    return found


def streamed(model: PaperModel, given: list[Row]) -> list[dict[str, np.ndarray]]:
    """Say something of every row and the next one, and keep the first."""
    ring, said = model.ring(len(given[0].tokens_BSE)), []
    for index in range(len(given) - 1):
        outputs = model.run(ring, index, given[index : index + 2])
        said.append({k: v.copy() for k, v in outputs.items() if not k.startswith('kept_')})
        ring.append(index, model.kept(outputs))
    return said


@pytest.mark.parametrize('kind', ['discrete', 'continuous'])
@pytest.mark.parametrize('batch', [1, 3])
def test_lanes_say_what_the_trunk_says(make_paper_bundle: Make, kind: str, batch: int) -> None:
    """Each lane scales its integers by its own range, so they are near and not equal."""
    folder = make_paper_bundle(kind, 'int8')
    one, two = PaperModel(folder, STEM, ONE), PaperModel(folder, STEM, TWO)
    assert (type(one.engine), type(two.engine)) == (HostEngine, LaneEngine)
    given = rows(one, 9, batch)
    name = 'logits' if kind == 'discrete' else 'z'
    for found, expected in zip(streamed(two, given), streamed(one, given), strict=True):
        assert found.keys() == expected.keys()
        error = np.abs(found[name] - expected[name]).max() / np.abs(expected[name]).max()
        assert error < 0.05


def test_lanes_say_the_same_again(make_paper_bundle: Make) -> None:
    model = PaperModel(make_paper_bundle('discrete', 'int8'), STEM, TWO)
    given = rows(model, 6)
    first = streamed(model, given)
    ring = model.ring()
    with ring.branch():
        for index, row in enumerate(given):
            ring.append(index, model.kept(model.run(ring, index, [row])))
    for found, expected in zip(streamed(model, given), first, strict=True):
        for name, value in expected.items():
            np.testing.assert_array_equal(found[name], value, name)


def test_a_branch_is_undone_in_every_lane(make_paper_bundle: Make) -> None:
    model = PaperModel(make_paper_bundle('discrete', 'int8'), STEM, TWO)
    given, ring = rows(model, 7), model.ring()
    for index in range(3):
        ring.append(index, model.kept(model.run(ring, index, [given[index]])))
    before = model.run(ring, 3, [given[3]])['logits']
    with ring.branch():
        for index in range(3, 7):
            ring.append(index, model.kept(model.run(ring, index, [given[index]])))
    np.testing.assert_array_equal(model.run(ring, 3, [given[3]])['logits'], before)


@pytest.mark.parametrize('lane', range(LANES))
@pytest.mark.parametrize('layer', [0, -1])
def test_a_lane_that_fails_says_why_and_the_next_row_is_computed(
    make_paper_bundle: Make, monkeypatch: pytest.MonkeyPatch, lane: int, layer: int
) -> None:
    """The other one does not wait for it for ever."""
    model, lanes = opened(make_paper_bundle)
    given, ring = rows(model, 1), model.ring()
    expected = model.run(ring, 0, given)['logits']
    (current,) = lanes._passes.values()
    broken, run = current._lanes[lane][layer], BoundGraph.__call__

    def fail(self: BoundGraph, inputs: object) -> list[np.ndarray]:
        if self is broken:
            raise InferenceError('layer: out of memory')
        return run(self, inputs)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(BoundGraph, '__call__', fail)
        with pytest.raises(InferenceError, match='layer: out of memory'):
            within_time(lambda: model.run(ring, 0, given))
    found = within_time(lambda: model.run(ring, 0, given)['logits'])
    np.testing.assert_array_equal(found, expected)


def test_without_a_thread_for_each_lane_nothing_waits(make_paper_bundle: Make) -> None:
    model, lanes = opened(make_paper_bundle)
    lanes._others.shutdown()
    with pytest.raises(InferenceError, match='lanes: .*; expected a thread for each'):
        within_time(lambda: model.run(model.ring(), 0, rows(model, 1)))


def test_callers_take_turns(make_paper_bundle: Make) -> None:
    model, _ = opened(make_paper_bundle)
    ring, given = model.ring(), rows(model, 1)
    expected = model.run(ring, 0, given)['logits']
    with ThreadPoolExecutor(4) as callers:
        runs = [callers.submit(lambda: model.run(ring, 0, given)['logits']) for _ in range(40)]
        for found in runs:
            np.testing.assert_array_equal(found.result(DEADLINE_S), expected)


def test_rings_are_read_in_turn(make_paper_bundle: Make) -> None:
    model, _ = opened(make_paper_bundle)
    given, rings = rows(model, 4), (model.ring(), model.ring())
    rings[0].append(0, model.kept(model.run(rings[0], 0, [given[0]])))
    rings[1].append(0, model.kept(model.run(rings[1], 0, [given[1]])))
    alone = [model.run(ring, 1, [given[2]])['logits'] for ring in rings]
    assert not np.array_equal(*alone)
    for ring, expected in zip(rings, alone, strict=True):
        np.testing.assert_array_equal(model.run(ring, 1, [given[2]])['logits'], expected)


def test_a_graph_that_the_manifest_does_not_list_is_not_run(
    make_paper_bundle: Make, tmp_path: Path
) -> None:
    whole, changed = make_paper_bundle('discrete', 'int8'), tmp_path / 'bundle'
    shutil.copytree(whole, changed)
    facts = json.loads((changed / FILE_NAME).read_text())
    del facts['files'][f'layer_1_{STEM}.onnx']
    (changed / FILE_NAME).write_text(json.dumps(facts))
    with pytest.raises(BundleError, match=rf'no graph layer_1_{STEM}\.onnx'):
        PaperModel(changed, STEM, TWO)


def test_lanes_need_their_number_of_threads_and_integers(make_paper_bundle: Make) -> None:
    cheap, exact = make_paper_bundle('discrete', 'int8'), make_paper_bundle()
    for folder, threads, kind in (
        (cheap, LANES, LaneEngine),
        (cheap, LANES + 1, HostEngine),
        (exact, LANES, HostEngine),
    ):
        execution = Execution(provider='cpu', threads=threads)
        assert type(PaperModel(folder, STEM, execution).engine) is kind


def test_a_provider_that_is_not_there_gives_lanes_where_the_cpu_may_do(
    make_paper_bundle: Make,
) -> None:
    folder = make_paper_bundle('discrete', 'int8')
    with pytest.raises(ConfigError, match='provider: expected one that onnxruntime has'):
        PaperModel(folder, STEM, Execution(provider='tensorrt'))
    allowed = Execution(provider='tensorrt', allow_cpu=True)
    assert type(PaperModel(folder, STEM, allowed).engine) is LaneEngine


def test_no_engines_are_built_of_lanes(make_paper_bundle: Make) -> None:
    graphs = graphs_of(make_paper_bundle('discrete', 'int8'), TWO)
    names = {path.name.partition('_')[0] for path, _ in graphs}
    assert names == {'append.onnx', 'decoder.onnx', 'encoder.onnx', 'stem', 'trunk'}


def opened(make_paper_bundle: Make) -> tuple[PaperModel, Lanes]:
    model = PaperModel(make_paper_bundle('discrete', 'int8'), STEM, TWO)
    assert isinstance(model.engine, LaneEngine)
    return model, model.engine._lanes


def within_time(work: Callable[[], Any]) -> Any:
    """Run something that might hang, in a thread that does not keep the tests from ending."""
    done: queue.Queue[Any] = queue.Queue()

    def run() -> None:
        try:
            done.put((work(), None))
        except Exception as error:
            done.put((None, error))

    Thread(target=run, daemon=True).start()
    result, error = done.get(timeout=DEADLINE_S)
    if error is not None:
        raise error
    return result
