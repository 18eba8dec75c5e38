# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Caches that rollouts are lent: the same ones again and again, and never one for two at once.

An engine that records its passes does so for each place that a cache is read from: with a new
cache for each rollout it would record for ever.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from hma_ros.core.generation.decoding import Decoding
from hma_ros.core.generation.problem_setting import ProblemSetting
from hma_ros.runtime.kv_cache import IndexedKvCache
from hma_ros.runtime.model import Model
from hma_ros.runtime.providers import TORCH, Execution
from hma_ros.runtime.token_world_model import TokenWorldModel
from hma_ros.runtime.world_model import make_token_world_model

STEM, HORIZON = 'planar_push', 2
Make = Callable[..., Path]


class Counted:
    """A model, and the caches that its trunk has read, by batch."""

    def __init__(self, bundle: Path, provider: str) -> None:
        self.model = Model(bundle, STEM, Execution(provider, threads=1, allow_cpu=True))
        self.read: dict[int, list[IndexedKvCache]] = {}
        self._trunk = self.model.engine.trunk
        self.model.engine.trunk = self._note  # type: ignore[method-assign]

    def _note(self, feeds: dict, cache: IndexedKvCache) -> dict:
        known = self.read.setdefault(len(feeds['masked']), [])
        if not any(cache is item for item in known):
            known.append(cache)
        return self._trunk(feeds, cache)

    def world(self, **decoding: float) -> TokenWorldModel:
        """Return a context of two frames."""
        chosen = Decoding(temperature=0.0, **decoding)
        world = make_token_world_model(self.model, STEM, np.random.default_rng(0), chosen)
        facts = self.model.manifest
        for seed in range(2):
            random = np.random.default_rng(seed)
            shape = (facts.image_tokens, facts.factors)
            world.observe(random.integers(0, facts.factor_size, shape), chunks(1)[0, 0] * seed)
        return world


@pytest.fixture(params=['cpu', TORCH])
def counted(make_random_bundle: Make, request: pytest.FixtureRequest) -> Counted:
    return Counted(make_random_bundle(), request.param)


def chunks(count: int, seed: int = 3) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.uniform(-0.3, 0.3, (count, HORIZON, 2)).astype(np.float32)


def test_twenty_guided_rollouts_read_one_cache(counted: Counted) -> None:
    world = counted.world(guidance=2.0)
    first = world.imagine(HORIZON, ProblemSetting.FORWARD, chunks(1)[0])[0]
    buffers = dict(counted.read[2][0].feeds)
    for seed in range(19):
        world.imagine(HORIZON, ProblemSetting.FORWARD, chunks(1, seed)[0])
    again = world.imagine(HORIZON, ProblemSetting.FORWARD, chunks(1)[0])[0]
    np.testing.assert_array_equal(again, first)
    assert {batch: len(caches) for batch, caches in counted.read.items()} == {1: 1, 2: 1}
    assert all(counted.read[2][0].feeds[name] is buffer for name, buffer in buffers.items())


def test_candidates_read_one_cache_of_their_number(counted: Counted) -> None:
    world = counted.world()
    for seed in range(20):
        list(world.imagine_candidates(chunks(3, seed), HORIZON))
    # One that is left half way gives its cache back, too.
    rollout = world.imagine_candidates(chunks(3), HORIZON)
    next(rollout)
    rollout.close()
    list(world.imagine_candidates(chunks(3), HORIZON))
    assert {batch: len(caches) for batch, caches in counted.read.items()} == {1: 1, 3: 1}


@pytest.mark.parametrize('guidance', [1.0, 2.0])
def test_interleaved_rollouts_share_no_cache(counted: Counted, guidance: float) -> None:
    def rollouts() -> list[Iterator[np.ndarray]]:
        worlds = [counted.world(guidance=guidance) for _ in range(2)]
        return [
            world.imagine_candidates(chunks(2, seed), HORIZON) for seed, world in enumerate(worlds)
        ]

    alone = [list(rollout) for rollout in rollouts()]
    together = list(zip(*rollouts(), strict=True))
    for one, expected in zip(zip(*together, strict=True), alone, strict=True):
        np.testing.assert_array_equal(np.stack(one), np.stack(expected))
    batch = 4 if guidance > 1.0 else 2
    assert len(counted.read[batch]) == 2


def test_pairs_are_no_pairs_for_who_is_lent_them_next(counted: Counted) -> None:
    """A guided rollout has two contexts side by side, as two candidates have."""
    plain, guided = counted.world(), counted.world(guidance=2.0)
    before = list(plain.imagine_candidates(chunks(2), HORIZON))
    guided.imagine(HORIZON, ProblemSetting.FORWARD, chunks(1)[0])
    after = list(plain.imagine_candidates(chunks(2), HORIZON))
    np.testing.assert_array_equal(np.stack(after), np.stack(before))
    assert len(counted.read[2]) == 1
    assert not counted.read[2][0].is_paired
