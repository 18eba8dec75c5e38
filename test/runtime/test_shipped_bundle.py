# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""HMA as the nodes use it."""

import subprocess
import sys

import numpy as np
import pytest

from hma_ros.core.errors import InferenceError
from hma_ros.runtime.providers import Execution
from hma_ros.runtime.world_model import WorldModel


@pytest.fixture(scope='module')
def model(bundle):
    return WorldModel(bundle, 'franka_pick', Execution(threads=1))


def frames(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 128, 128, 3)).astype(np.uint8)


def watch(model, images, executed=None):
    """Observe, and execute the same chunk each time, or what the policy says."""
    model.reset()
    for frame in images:
        chunk = executed if executed is not None or model.steps == 0 else model.act()
        model.observe(frame, chunk if model.steps else None)


def test_acts_in_physical_units_within_the_range_of_the_demonstrations(model):
    watch(model, frames(3))
    chunk = model.act()
    assert chunk.shape == (model.stem.stride, 4)
    assert chunk.dtype == np.float32
    assert (chunk >= model.stem.lower).all()
    assert (chunk <= model.stem.upper).all()


def test_only_the_last_window_of_steps_matters(model):
    """The context slides: what went before is forgotten, and nothing else changes."""
    depth = model.manifest.window * model.manifest.layers
    # The policy's own actions would remember more.
    tail, chunk = frames(depth, seed=1), np.zeros((model.stem.stride, 4), np.float32)
    watch(model, np.concatenate([frames(4, seed=2), tail]), chunk)
    first = model.act()
    watch(model, np.concatenate([frames(9, seed=3), tail]), chunk)
    np.testing.assert_allclose(model.act(), first, atol=1e-6)


def test_imagining_leaves_the_context_alone_and_repeats_itself(model):
    watch(model, frames(3))
    before = model.act()
    first, second = model.imagine(None, 3), model.imagine(None, 3)
    np.testing.assert_array_equal(first.frames, second.frames)
    np.testing.assert_array_equal(model.act(), before)
    assert first.frames.shape == (3, 128, 128, 3)
    assert first.frames.dtype == np.uint8
    np.testing.assert_array_equal(first.actions[0], before)


def test_chunks_are_told_as_they_are_decided(model):
    watch(model, frames(3))
    decided = []

    def note(chunk):
        decided.append(chunk)
        return len(decided) == 3

    rollout = model.imagine(None, 3, decided=note)
    assert len(rollout.frames) == 2
    np.testing.assert_array_equal(decided[:2], rollout.actions)
    np.testing.assert_array_equal(decided, model.imagine(None, 3).actions)
    model.imagine(rollout.actions, 2, decided=note)
    assert len(decided) == 3


def test_a_rollout_ends_early_when_there_is_no_more_time(model):
    watch(model, frames(3))
    rollout = model.imagine(None, 5, is_enough=lambda: True)
    assert len(rollout.frames) == len(rollout.actions) == 1
    np.testing.assert_array_equal(rollout.frames, model.imagine(None, 1).frames)


def test_given_chunks_are_the_ones_imagined_under(model):
    watch(model, frames(3))
    chunks = np.zeros((2, model.stem.stride, 4), np.float32)
    np.testing.assert_array_equal(model.imagine(chunks, 2).actions, chunks)


def test_candidates_are_the_same_together_as_alone(model):
    watch(model, frames(3))
    generator = np.random.default_rng(0)
    shape = (3, 2, model.stem.stride, 4)
    chunks = generator.uniform(model.stem.lower, model.stem.upper, shape).astype(np.float32)
    together = model.imagine_candidates(chunks, 2)
    alone = np.stack([model.imagine(item, 2).frames for item in chunks])
    # A product of several steps is rounded otherwise than one of a single step.
    assert np.abs(together.astype(int) - alone).max() <= 1
    assert together.shape == (3, 2, 128, 128, 3)


def test_no_candidate_is_an_error(model):
    watch(model, frames(1))
    with pytest.raises(InferenceError, match=r'candidates: got float32\[0, 1, 2, 4\], expected'):
        model.imagine_candidates(np.zeros((0, 1, 2, 4), np.float32), 1)


def test_nothing_observed_yet(model):
    model.reset()
    with pytest.raises(InferenceError, match='the context is empty, expected an observed'):
        model.act()
    with pytest.raises(InferenceError, match='the context is empty'):
        model.imagine(None, 1)


@pytest.mark.parametrize(
    'frame', [np.zeros((64, 128, 3), np.uint8), np.zeros((128, 128, 3), np.float32)]
)
def test_wrong_frame_is_named_and_leaves_the_context(model, frame):
    watch(model, frames(2))
    with pytest.raises(InferenceError, match=r'frame: got .*, expected uint8\[128, 128, 3\]'):
        model.observe(frame, None)
    assert model.steps == 2


@pytest.mark.parametrize('chunk', [np.full((2, 4), np.nan), np.zeros((3, 4))])
def test_wrong_executed_chunk(model, chunk):
    watch(model, frames(2))
    with pytest.raises(InferenceError, match=r'executed: got .*, expected finite float32\[2, 4\]'):
        model.observe(frames(1)[0], chunk)
    assert model.steps == 2


@pytest.mark.parametrize('joints', [np.zeros(7), np.full(10, np.nan)])
def test_wrong_joints_are_named_and_leave_the_context(model, joints):
    watch(model, frames(2))
    with pytest.raises(
        InferenceError,
        match=r'joints: got .*, expected finite float32\[10\]: fer_joint1.*, x, y, z',
    ):
        model.observe(frames(1)[0], None, joints)
    assert model.steps == 2


@pytest.mark.parametrize('horizon', [0, 1000])
def test_horizon_out_of_range(model, horizon):
    watch(model, frames(1))
    with pytest.raises(InferenceError, match=f'horizon: got {horizon}, expected 1 to 128'):
        model.imagine(None, horizon)


def test_too_few_chunks(model):
    watch(model, frames(1))
    with pytest.raises(InferenceError, match='chunks: got 1, expected 2, one per step'):
        model.imagine(np.zeros((1, 2, 4), np.float32), 2)


def test_runtime_and_core_import_neither_torch_nor_ros():
    code = (
        'import sys; import hma_ros.runtime.world_model, hma_ros.core.control.executor; '
        'print(sorted({"torch", "rclpy"} & set(sys.modules)))'
    )
    found = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == '[]'
