# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Lanes run side by side, and fail together."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hma_ros.core.errors import BundleError, InferenceError
from hma_ros.core.rows import LANES
from hma_ros.runtime.paper.engine import HostEngine, LaneEngine
from hma_ros.runtime.paper.model import PaperModel, Row
from hma_ros.runtime.providers import Execution

STEM = 'planar_push'
ONE = Execution(provider='cpu', threads=1)
TWO = Execution(provider='cpu', threads=LANES)
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


def test_a_lane_that_fails_says_why_and_the_next_row_is_computed(
    make_paper_bundle: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = PaperModel(make_paper_bundle('discrete', 'int8'), STEM, TWO)
    given, ring = rows(model, 1), model.ring()
    expected = model.run(ring, 0, given)['logits']

    def fail(self: object, inputs: object) -> None:
        raise InferenceError('layer: out of memory')

    with monkeypatch.context() as patch:
        patch.setattr('hma_ros.runtime.bound_graph.BoundGraph.__call__', fail)
        with pytest.raises(InferenceError, match='layer: out of memory'):
            model.run(ring, 0, given)
    np.testing.assert_array_equal(model.run(ring, 0, given)['logits'], expected)


def test_a_lane_graph_that_is_missing_is_named(make_paper_bundle: Make, tmp_path: Path) -> None:
    whole, broken = make_paper_bundle('discrete', 'int8'), tmp_path / 'bundle'
    broken.mkdir()
    for path in whole.iterdir():
        if path.name != f'layer_1_{STEM}.onnx':
            (broken / path.name).symlink_to(path)
    with pytest.raises(BundleError, match=rf'layer_1_{STEM}\.onnx'):
        PaperModel(broken, STEM, TWO)
