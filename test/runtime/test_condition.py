# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The stem takes in an action once, and never another one in its place."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hma_ros.core.errors import InferenceError
from hma_ros.core.generation.decoding import Decoding
from hma_ros.core.generation.problem_setting import ProblemSetting
from hma_ros.network.config import TimePositions
from hma_ros.runtime.discrete import TokenFiller
from hma_ros.runtime.model import Model, TrunkStep
from hma_ros.runtime.providers import Execution
from hma_ros.runtime.token_world_model import TokenWorldModel
from hma_ros.runtime.world_model import make_token_world_model

STEM = 'planar_push'
Make = Callable[..., Path]


@pytest.fixture
def model(make_random_bundle: Make) -> Model:
    return Model(make_random_bundle(), STEM, Execution(provider='cpu'))


@pytest.fixture
def asked(model: Model, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Of how many steps the stem is asked, call by call."""
    calls: list[int] = []
    stem = model.engine.stem
    monkeypatch.setattr(
        model.engine, 'stem', lambda given: calls.append(given['known'].shape[1]) or stem(given)
    )
    return calls


def entry(model: Model, value: float | None, batch: int = 1) -> TrunkStep:
    facts = model.manifest
    tokens = np.zeros((batch, facts.image_tokens, facts.factors), np.int64)
    chunk = None if value is None else np.full((batch, 2), value, np.float32)
    return TrunkStep.seen(tokens, chunk)


def said(model: Model, first: int, steps: list[TrunkStep]) -> dict[str, np.ndarray]:
    return {name: np.array(value) for name, value in model.condition(first, steps).items()}


def test_steps_of_the_last_call_are_not_done_again(model: Model, asked: list[int]) -> None:
    steps = [entry(model, 0.1 * n) for n in range(4)]
    together = said(model, 5, steps)
    middle = said(model, 6, steps[1:3])
    assert asked == [4]
    for name, value in middle.items():
        np.testing.assert_array_equal(value, together[name][:, 1:3])


@pytest.mark.parametrize(
    ('first', 'values', 'batch'),
    [
        (6, (0.1, 0.2), 1),
        (4, (0.1, 0.2), 1),
        (5, (0.1, 0.3), 1),
        (5, (0.1, None), 1),
        (5, (0.1, 0.2, 0.3), 1),
        (5, (0.1, 0.2), 2),
    ],
)
def test_other_steps_are(
    model: Model,
    asked: list[int],
    first: int,
    values: tuple[float | None, ...],
    batch: int,
) -> None:
    said(model, 5, [entry(model, 0.1), entry(model, 0.2)])
    steps = [entry(model, value, batch) for value in values]
    found = said(model, first, steps)
    assert asked == [2, len(steps)]
    model.condition(50, [entry(model, None)])
    for name, value in said(model, first, steps).items():
        np.testing.assert_array_equal(value, found[name])


def test_masked_actions_of_more_contexts_are_other_steps(model: Model, asked: list[int]) -> None:
    said(model, 5, [entry(model, None)])
    assert next(iter(said(model, 5, [entry(model, None, batch=3)]).values())).shape[0] == 3
    assert asked == [1, 1]


def test_an_action_that_was_written_over_is_another(model: Model) -> None:
    given = entry(model, 0.1)
    before = said(model, 0, [given])
    given.chunk_BX[:] = 0.7
    after = said(model, 0, [given])
    assert any(not np.array_equal(before[name], after[name]) for name in before)


def test_a_rollout_asks_the_stem_once(model: Model, asked: list[int]) -> None:
    world = observed(model)
    asked.clear()
    chunks = np.linspace(0, 1, 6, dtype=np.float32).reshape(-1, 1).repeat(2, 1)
    world.imagine(3, ProblemSetting.FORWARD, chunks)
    assert asked == [4]


@pytest.mark.parametrize('guidance', [1.0, 3.0])
def test_a_score_asks_the_stem_once(model: Model, asked: list[int], guidance: float) -> None:
    decoding = Decoding(guidance=guidance)
    world = observed(
        model, make_token_world_model(model, STEM, np.random.default_rng(0), decoding)
    )
    asked.clear()
    world.score(entry(model, None).tokens_BSE[0], np.full(2, 0.1, np.float32))
    assert asked == [2]


def test_a_long_rollout_asks_once_a_window(model: Model, asked: list[int]) -> None:
    """And imagines what it would without asking ahead."""
    world, horizon = observed(model), 2 * model.manifest.window
    chunks = np.random.default_rng(0).uniform(-1, 1, (horizon + 1, 2)).astype(np.float32)
    asked.clear()
    frames, _ = world.imagine(horizon, ProblemSetting.FORWARD, chunks)
    assert len(asked) == 3
    assert max(asked) <= model.manifest.window
    world._foresee = lambda *_: None
    asked.clear()
    alone, _ = world.imagine(horizon, ProblemSetting.FORWARD, chunks)
    assert len(asked) == horizon
    np.testing.assert_array_equal(frames, alone)


@pytest.mark.parametrize('given', [3, 40])
def test_actions_beyond_the_horizon_are_not_looked_at(
    make_random_bundle: Make, given: int
) -> None:
    """Learned positions have no place for them, and they need not be numbers."""
    folder = make_random_bundle(time=TimePositions.LEARNED)
    model = Model(folder, STEM, Execution(provider='cpu'))
    world = observed(model)
    chunks = np.full((given, 2), np.nan, np.float32)
    chunks[:3] = 0.1
    frames, _ = world.imagine(2, ProblemSetting.FORWARD, chunks)
    assert len(frames) == 2


def observed(model: Model, world: TokenWorldModel | None = None) -> TokenWorldModel:
    world = world or TokenWorldModel(model, TokenFiller(model))
    tokens = entry(model, None).tokens_BSE[0]
    for _ in range(3):
        world.observe(tokens, np.zeros(2, np.float32))
    return world


def test_a_step_of_other_contexts_is_not_kept(model: Model) -> None:
    kept = model.kept(model.run(model.kv_cache(), 0, [entry(model, 0.1)]))
    with pytest.raises(InferenceError, match='kept step: .* expected'):
        model.kv_cache(3).append(0, kept)
