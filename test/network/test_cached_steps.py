# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Steps computed one by one on kept ones are the steps of the whole sequence."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hma_ros.core.errors import ConfigError
from hma_ros.core.generation.rotary import EMPTY_STEP
from hma_ros.network.attention import KeptSteps, Steps
from hma_ros.network.config import Compat, Injection, TimePositions
from hma_ros.network.discrete import DiscreteHma, DiscreteSteps

# Double precision, so what remains is rounding of the order of sums.
TOLERANCE = 1e-10


class KvCache:
    """A model with the steps it has kept: the newest take the places of the oldest."""

    def __init__(self, model: DiscreteHma, slots: int, batch: int = 1) -> None:
        config = model.config
        self.model, self.step_P = model, torch.full((slots,), EMPTY_STEP)
        shape = (batch, config.kept_tokens, config.heads, slots, config.head_width)
        # What empty slots hold must not matter, as long as it is finite.
        self.past = tuple(
            KeptSteps(*(torch.full(shape, 1e30, dtype=torch.float64) for _ in range(2)))
            for _ in range(config.layers)
        )

    def say(self, ids_BRS, actions_BRX, index_R, masked_BR=None) -> DiscreteSteps:
        """Compute steps on the kept ones, and keep none."""
        now = Steps.at(self.model.config, index_R)
        steps = Steps(now.index_R, now.rotation_R2D, self.step_P, self.past)
        return self.model(ids_BRS, 'robot', actions_BRX, masked_BR, steps)

    def keep(self, said: DiscreteSteps, index_R: torch.Tensor) -> None:
        """Keep the first of what was said, as many as there are indices."""
        slots = index_R % len(self.step_P)
        self.step_P[slots] = index_R
        for own, kept in zip(said.kept, self.past, strict=True):
            for new, old in zip(own, kept, strict=True):
                old[..., slots, :] = new[:, : len(index_R)].permute(0, 2, 3, 1, 4)


def assert_same(said: DiscreteSteps, expected: DiscreteSteps, steps: slice) -> None:
    for name in ('logits_BRSFV', 'chunk_BRX'):
        one, other = getattr(said, name), getattr(expected, name)
        assert (one is None) == (other is None)
        if one is not None:
            assert (one - other[:, steps]).abs().max() < TOLERANCE * other.abs().max()


def assert_streams(model, stream, steps: int, slots: int, portions: list[int]) -> None:
    """Stream steps, so many at a time, and compare each with the sequence computed at once."""
    whole = model(
        stream.ids_BRS, 'robot', stream.actions_BRX, steps=Steps.window(model.config, steps)
    )
    cache, start = KvCache(model, slots, len(stream.ids_BRS)), 0
    while start < steps:
        index = torch.arange(start, min(start + portions[start % len(portions)], steps))
        said = cache.say(stream.ids_BRS[:, index], stream.actions_BRX[:, index], index)
        assert_same(said, whole, slice(start, start + len(index)))
        cache.keep(said, index)
        start += len(index)


def test_fifty_times_as_many_steps_as_the_cache_holds(make_model, make_stream, conditioning):
    model = make_model(**conditioning, time=TimePositions.ROTARY)
    slots = model.config.window - 1
    steps = 50 * slots
    assert_streams(model, make_stream(model, steps), steps, slots, portions=[1])


@pytest.mark.parametrize('compat', Compat)
def test_learned_positions_within_their_window(make_model, make_stream, conditioning, compat):
    model = make_model(**conditioning, compat=compat)
    steps = model.config.window
    if model.config.is_cacheable:
        assert_streams(model, make_stream(model, steps), steps, steps - 1, portions=[1])
    else:
        with pytest.raises(ConfigError, match='past steps see later ones, expected no kept steps'):
            assert_streams(model, make_stream(model, steps), steps, steps - 1, portions=[1])


@given(
    steps=st.lists(st.integers(1, 4), min_size=1, max_size=5),
    spare=st.integers(0, 3),
    batch=st.integers(1, 3),
)
@settings(max_examples=20, deadline=None)
def test_steps_in_any_portions_and_larger_rings(make_model, make_stream, steps, spare, batch):
    model = make_model(injection=Injection.CROSS_ATTENTION, time=TimePositions.ROTARY)
    assert_streams(
        model, make_stream(model, 23, batch), 23, model.config.window - 1 + spare, steps
    )


@pytest.mark.parametrize('time', TimePositions)
def test_the_next_step_rides_along(make_model, make_stream, conditioning, time):
    """Step k is committed in the pass that first asks for step k + 1, masked action and all."""
    model = make_model(**conditioning, time=time)
    steps = 5 if time is TimePositions.LEARNED else 17
    stream, cache = make_stream(model, steps), KvCache(model, model.config.window - 1)
    for step in range(steps - 1):
        seen, index = slice(step + 2), torch.tensor([step, step + 1])
        ids = stream.ids_BRS[:, seen].clone()
        ids[:, step + 1] = model.mask_id
        masked = (torch.arange(step + 2) > step).double()[None]
        actions = stream.actions_BRX[:, seen]
        whole = model(ids, 'robot', actions, masked)
        said = cache.say(ids[:, -2:], actions[:, -2:], index, masked[:, -2:])
        assert_same(said, whole, slice(step, step + 2))
        cache.keep(said, index[:1])


@given(start=st.integers(1, 10**9))
@settings(max_examples=10, deadline=None)
def test_only_the_lag_of_steps_counts(make_model, make_stream, start):
    model = make_model(injection=Injection.CROSS_ATTENTION, time=TimePositions.ROTARY)
    stream = make_stream(model, 9)
    first, later, sparse = (
        model(
            stream.ids_BRS,
            'robot',
            stream.actions_BRX,
            steps=Steps.at(model.config, index),
        ).logits_BRSFV
        for index in (torch.arange(9), torch.arange(9) + start, torch.arange(9) * 2)
    )
    # Sines and cosines are float32.
    assert (first - later).abs().max() < 1e-5 * first.abs().max()
    assert (first - sparse).abs().max() > 1e-2 * first.abs().max()
