# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Episodes held out of a fine-tuning tell how well it generalises."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hma_ros.core.errors import ConfigError
from hma_ros.network.config import preset
from hma_ros.training import held_out as held_out_module
from hma_ros.training.heads import HeadFitter
from hma_ros.training.held_out import choose, explained_motion, mean_score, split, summary
from hma_ros.training.trainer import initialised
from test.training.test_heads import CONFIG, STEM, episode


@given(st.integers(1, 300), st.none() | st.integers(0, 300))
def test_so_many_are_held_out_and_some_are_left(episodes, count):
    if count and count >= episodes:
        with pytest.raises(ConfigError, match=rf'--held-out: got {count} of {episodes} episode'):
            choose(episodes, count, is_imagined=False)
        return
    held_out = choose(episodes, count, is_imagined=False)
    assert held_out == sorted(set(held_out)) == choose(episodes, count, is_imagined=False)
    assert len(held_out) == (episodes // 10 if count is None else count) < episodes
    assert all(0 <= index < episodes for index in held_out)


def test_a_demonstrator_who_goes_through_ten_places_in_turn_loses_none():
    assert len({index % 10 for index in choose(100, None, is_imagined=False)}) > 3


def test_nothing_is_held_out_of_recordings_that_imagined_episodes_continue():
    assert choose(100, None, is_imagined=True) == choose(100, 0, is_imagined=True) == []
    with pytest.raises(ConfigError, match='--held-out: got 5 of data sets with imagined'):
        choose(100, 5, is_imagined=True)


def test_pieces_of_a_long_episode_are_scored_as_the_whole(monkeypatch):
    model, long = initialised(CONFIG).eval(), [episode(0, steps=60)]
    whole = mean_score(model, 'two', long)
    monkeypatch.setattr(held_out_module, '_PIECE', 7)
    pieces = mean_score(model, 'two', long)
    assert pieces.entropy_nats == pytest.approx(whole.entropy_nats, rel=1e-5)
    assert pieces.accuracy == pytest.approx(whole.accuracy)


def test_chunks_that_are_all_equal_explain_no_number():
    still = [replace(episode(0), labels=torch.zeros(8, 2).numpy())]
    assert math.isnan(explained_motion(initialised(CONFIG).eval(), 'two', still))


def test_augmented_copies_of_an_episode_held_out_are_not_learned_from():
    recorded = [episode(seed) for seed in range(3)]
    copies = [episode(seed) for seed in range(3, 9)]
    learned, held_out = split([*recorded, *copies], 3, [1])
    assert held_out == [recorded[1]]
    assert learned == [recorded[0], recorded[2], copies[0], copies[2], copies[3], copies[5]]


def test_a_head_that_always_says_the_mean_explains_nothing():
    model = initialised(CONFIG).eval()
    last = model.action_heads['two'].chunk[-1]
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.zeros_(last.bias)
    episodes = [episode(seed, steps=200) for seed in range(4)]
    assert explained_motion(model, 'two', episodes) == pytest.approx(0, abs=0.05)


def test_what_is_learned_is_explained_and_noise_is_not():
    torch.manual_seed(0)
    model = initialised(CONFIG).eval()
    fitter = HeadFitter(model)
    learned = [episode(seed) for seed in range(40)]
    fitter.add('two', learned)
    fitter.fit('two', steps=600)
    assert explained_motion(model, 'two', [episode(seed) for seed in range(100, 110)]) > 0.8
    torch.manual_seed(0)
    noise = [replace(item, labels=torch.randn(8, 2).numpy()) for item in learned[:3]]
    assert explained_motion(model, 'two', noise) < 0
    lines = list(summary(model, 'two', learned, [episode(100)]))
    assert lines[0] == '1 episode held out:'
    assert lines[1].startswith('frames: perplexity ')
    assert lines[2].startswith('actions: R2 0.')


def test_a_model_without_a_policy_is_judged_by_its_frames():
    facts = {'layers': 1, 'heads': 2, 'width': 16, 'positions': 16}
    config = preset('small', [STEM], **facts, factors=2, factor_size=4, predict_actions=False)
    lines = list(summary(initialised(config).eval(), 'two', [], [episode(0)]))
    assert [line.partition(' ')[0] for line in lines] == ['1', 'frames:']
