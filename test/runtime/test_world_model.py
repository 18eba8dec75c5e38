# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""HMA of both kinds, and of both compats, on a robot."""

import contextlib
import itertools
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hma_ros.core.errors import BundleError, ConfigError, InferenceError
from hma_ros.core.generation.decoding import Decoding
from hma_ros.network.config import Compat, TimePositions
from hma_ros.runtime.engine_builder import graphs_of
from hma_ros.runtime.frames import BundleCodec
from hma_ros.runtime.graph import Graph
from hma_ros.runtime.kv_cache import KvCache
from hma_ros.runtime.manifest import Manifest
from hma_ros.runtime.manifest_file import read_facts, write_facts
from hma_ros.runtime.model import Model, TrunkStep
from hma_ros.runtime.providers import TORCH, Execution
from hma_ros.runtime.world_model import WorldModel

STEM = 'planar_push'
CPU = Execution(provider='cpu', threads=1)
# As the authors train models of video alone.
UPSTREAM = {
    'compat': Compat.UPSTREAM,
    'time': TimePositions.LEARNED,
    'predict_actions': False,
}
Make = Callable[..., Path]


def opened(folder: Path) -> WorldModel:
    return WorldModel(folder, STEM, CPU)


def image(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (128, 128, 3), dtype=np.uint8)


def chunk(value: float) -> np.ndarray:
    return np.full((1, 2), value, np.float32)


@pytest.mark.parametrize('kind', ['discrete', 'continuous'])
def test_observe_act_imagine(make_random_bundle: Make, kind: str) -> None:
    model = opened(make_random_bundle(kind))
    assert not model.can_imagine
    for step in range(6):
        model.observe(image(step), None if step == 0 else chunk(0.01 * step))
    assert model.steps == 6
    action = model.act()
    assert (action.shape, action.dtype) == ((1, 2), np.float32)
    np.testing.assert_array_equal(model.act(), action)
    rollout = model.imagine(None, 3)
    assert (rollout.frames.shape, rollout.frames.dtype) == ((3, 128, 128, 3), np.uint8)
    assert rollout.actions is not None
    np.testing.assert_array_equal(rollout.actions[0], action)
    assert len(model.imagine(None, 3, lambda: True).frames) == 1
    told = model.imagine(np.stack([chunk(0.1), chunk(0.2)]), 2)
    np.testing.assert_array_equal(told.actions, np.stack([chunk(0.1), chunk(0.2)]))
    passive = model.imagine(None, 2, is_passive=True)
    assert (passive.frames.shape, passive.actions) == ((2, 128, 128, 3), None)
    model.reset()
    assert model.steps == 0


@pytest.mark.parametrize(
    ('kind', 'decoding'),
    [
        ('discrete', Decoding(temperature=1.0)),
        ('discrete', Decoding(unmasking='random', mask_steps=3)),
        ('continuous', Decoding(denoise_steps=3)),
    ],
)
def test_decoding_may_be_other_than_the_bundle_recommends(
    make_random_bundle: Make, kind: str, decoding: Decoding
) -> None:
    folder = make_random_bundle(kind)
    frames = []
    for chosen in (decoding, decoding, Decoding()):
        model = WorldModel(folder, STEM, CPU, chosen)
        model.observe(image(0), None)
        frames.append(model.imagine(np.stack([chunk(0.1), chunk(0.2)]), 2).frames)
    np.testing.assert_array_equal(frames[0], frames[1])
    assert not np.array_equal(frames[0], frames[2])


def test_a_decoding_that_a_kind_does_not_have_is_refused(make_random_bundle: Make) -> None:
    with pytest.raises(ConfigError, match="unmasking: got 'random', expected none for a cont"):
        WorldModel(make_random_bundle('continuous'), STEM, CPU, Decoding(unmasking='random'))


@pytest.mark.parametrize('time', TimePositions)
def test_a_policy_that_acts_in_imagined_frames_sees_what_its_chunks_lead_to(
    make_random_bundle: Make, time: TimePositions
) -> None:
    model = WorldModel(make_random_bundle(time=time), STEM, CPU, Decoding(temperature=0.0))
    for step in range(2):
        model.observe(image(step), None if step == 0 else chunk(0.05))
    rollout, shown = model.imagine(None, 2), []
    assert rollout.actions is not None
    chunks = iter(rollout.actions)

    def choose(frame: np.ndarray) -> np.ndarray:
        shown.append(frame)
        return next(chunks)

    frames = list(model.interact(choose, 2))
    np.testing.assert_array_equal(frames, rollout.frames)
    np.testing.assert_array_equal(shown, [image(1), frames[0]])
    with pytest.raises(InferenceError, match='choose: got'):
        next(model.interact(lambda _: np.zeros(3, np.float32), 1))


def test_a_context_that_is_lent_to_a_rollout_takes_nothing_in(make_random_bundle: Make) -> None:
    model = opened(make_random_bundle())
    model.observe(image(0), None)
    decided = model.act()
    rollout = model.interact(lambda _: chunk(0.1), 3)
    next(rollout)
    for call in (lambda: model.observe(image(1), None), model.act, model.reset):
        with pytest.raises(InferenceError, match='context: got a call within a rollout'):
            call()
    rollout.close()
    np.testing.assert_array_equal(model.act(), decided)


@pytest.mark.parametrize('horizon', [2, 3])
@pytest.mark.parametrize('time', TimePositions)
def test_imagining_does_not_disturb_the_context(
    make_random_bundle: Make, time: TimePositions, horizon: int
) -> None:
    """Not even where learned positions leave no room for what is imagined."""
    folder = make_random_bundle(time=time)
    disturbed, calm = opened(folder), opened(folder)
    for step in range(9):
        for model in (disturbed, calm):
            model.observe(image(step), None if step == 0 else chunk(0.05))
        disturbed.imagine(None, horizon)
        disturbed.imagine(np.stack([chunk(0.1)] * horizon), horizon)
        np.testing.assert_array_equal(disturbed.act(), calm.act())
    np.testing.assert_array_equal(disturbed.imagine(None, 1).frames, calm.imagine(None, 1).frames)


@pytest.mark.parametrize('failing', [1, 2])
def test_a_step_that_fails_changes_neither_window(
    make_random_bundle: Make, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """Learned positions: in its second half a window is followed by another, already begun."""
    folder = make_random_bundle(time=TimePositions.LEARNED)
    disturbed, calm = opened(folder), opened(folder)
    window = calm.manifest.window
    run = Model.run
    for step in range(2 * window):
        told = None if step == 0 else chunk(0.05)
        passes = itertools.count(1)

        def fail(model: Model, cache: KvCache, first: int, steps: Sequence[TrunkStep]) -> Any:
            if next(passes) == failing:  # noqa: B023
                raise InferenceError('out of memory')
            return run(model, cache, first, steps)

        monkeypatch.setattr(Model, 'run', fail)
        with contextlib.suppress(InferenceError):
            disturbed.observe(image(step), told)
        monkeypatch.setattr(Model, 'run', run)
        if disturbed.steps == step:
            disturbed.observe(image(step), told)
        calm.observe(image(step), told)
        assert disturbed.steps == calm.steps
        np.testing.assert_array_equal(disturbed.act(), calm.act())
        np.testing.assert_array_equal(
            disturbed.imagine(None, 2).frames, calm.imagine(None, 2).frames
        )


def test_no_step_costs_more_than_two_passes(
    make_random_bundle: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = opened(make_random_bundle(time=TimePositions.LEARNED))
    run, passes = Model.run, 0

    def count(model: Model, cache: KvCache, first: int, steps: Sequence[TrunkStep]) -> Any:
        nonlocal passes
        passes += 1
        return run(model, cache, first, steps)

    monkeypatch.setattr(Model, 'run', count)
    for step in range(4 * model.manifest.window):
        passes = 0
        model.observe(image(step), None if step == 0 else chunk(0.05))
        model.act()
        assert passes <= 2


@pytest.mark.parametrize('time', TimePositions)
def test_a_score_is_that_of_the_first_pass_and_changes_nothing(
    make_random_bundle: Make, time: TimePositions
) -> None:
    folder = make_random_bundle(time=time)
    chance = Decoding(temperature=1.0)
    scored, calm = (WorldModel(folder, STEM, CPU, chance) for _ in range(2))
    factors = scored.manifest.factors * np.log(scored.manifest.factor_size)
    for step in range(2 * scored.manifest.window + 1):
        for model in (scored, calm):
            model.observe(image(step), None if step == 0 else chunk(0.05))
        score = scored.score(image(step + 1), chunk(0.1))
        # Of random weights: about as likely as any token.
        assert score.entropy_nats == pytest.approx(factors, rel=0.5)
        assert 0 <= score.accuracy < 0.5
        ahead = np.stack([chunk(0.1)] * 2)
        np.testing.assert_array_equal(
            scored.imagine(ahead, 2).frames, calm.imagine(ahead, 2).frames
        )


def test_a_continuous_model_has_no_tokens_to_score(make_random_bundle: Make) -> None:
    model = opened(make_random_bundle('continuous'))
    model.observe(image(0), None)
    with pytest.raises(InferenceError, match='score: got a continuous model, expected a discrete'):
        model.score(image(1), chunk(0.1))


def test_actions_stay_within_the_bounds_of_the_robot(make_random_bundle: Make) -> None:
    model = opened(make_random_bundle('continuous'))
    model.observe(image(0), None)
    rollout = model.imagine(None, 3)
    assert rollout.actions is not None
    # A random diffusion head goes far beyond.
    assert np.abs(rollout.actions).max() == np.float32(0.24)


def test_a_model_that_must_be_told_actions_begins_anew_where_one_is_not_known(
    make_random_bundle: Make,
) -> None:
    model = opened(make_random_bundle(**UPSTREAM))
    assert model.manifest.max_horizon == 3
    model.observe(image(0), None)
    model.observe(image(1), chunk(0.1))
    assert model.steps == 2
    model.observe(image(2), None)
    assert model.steps == 1
    assert not model.can_imagine
    with pytest.raises(InferenceError, match='expected chunks, or a frame observed with what was'):
        model.imagine(None, 1)
    with pytest.raises(InferenceError, match='passive dynamics: got a model that must be told'):
        model.imagine(None, 1, is_passive=True)


def test_without_a_policy_what_was_executed_last_goes_on(make_random_bundle: Make) -> None:
    model = opened(make_random_bundle(**UPSTREAM))
    for step in range(9):
        model.observe(image(step), None if step == 0 else chunk(0.1))
    with pytest.raises(InferenceError, match='action heads were never trained'):
        model.act()
    rollout = model.imagine(None, 3)
    np.testing.assert_array_equal(rollout.actions, np.stack([chunk(0.1)] * 3))
    np.testing.assert_array_equal(
        rollout.frames, model.imagine(np.stack([chunk(0.1)] * 3), 3).frames
    )


def test_bad_input_is_refused(make_random_bundle: Make) -> None:
    model = opened(make_random_bundle())
    with pytest.raises(
        InferenceError, match=r'frame: got uint8\[8, 8, 3\], expected uint8\[128, 128'
    ):
        model.observe(np.zeros((8, 8, 3), np.uint8), None)
    model.observe(image(0), None)
    with pytest.raises(InferenceError, match=r'executed: got .*, expected finite float32\[1, 2\]'):
        model.observe(image(1), np.array([[0.1, np.nan]]))
    with pytest.raises(InferenceError, match='horizon: got 129, expected 1 to 128'):
        model.imagine(None, 129)
    with pytest.raises(InferenceError, match='chunks: got 1, expected 2'):
        model.imagine(chunk(0.1)[None], 2)


def test_reconstruction_is_that_of_the_tokenizer(make_random_bundle: Make) -> None:
    drawn = opened(make_random_bundle()).reconstruct(image(0))
    assert (drawn.shape, drawn.dtype) == ((128, 128, 3), np.uint8)


def changed(folder: Path, to: Path, **facts: object) -> Path:
    shutil.copytree(folder, to)
    write_facts(to, {**read_facts(to), **facts})
    return to


def test_what_is_not_for_a_robot_is_refused_with_the_reason(
    make_random_bundle: Make, tmp_path: Path
) -> None:
    folder = make_random_bundle()
    blind = changed(folder, tmp_path / 'blind', frames=None)
    with pytest.raises(BundleError, match='no frame tokenizer'):
        opened(blind)
    stems = read_facts(folder)['stems']
    stems[STEM]['robot'] = None
    loose = changed(folder, tmp_path / 'loose', stems=stems)
    with pytest.raises(BundleError, match="stem 'planar_push': got nothing about a robot"):
        opened(loose)
    with pytest.raises(BundleError, match="no stem 'toaster', expected one of planar_push"):
        Manifest.read(folder).robot('toaster')


def test_a_robot_of_other_actions_is_refused(make_random_bundle: Make, tmp_path: Path) -> None:
    folder = make_random_bundle()
    stems = read_facts(folder)['stems']
    stems[STEM]['stride'] = 2
    with pytest.raises(BundleError, match='sim_planar of 2 numbers x stride 1, expected 2 x 2'):
        Manifest.read(changed(folder, tmp_path / 'other', stems=stems))


def test_torch_runs_it_all(make_random_bundle: Make) -> None:
    model = WorldModel(
        make_random_bundle(), STEM, Execution(provider=TORCH, allow_cpu=True, threads=1)
    )
    assert model.provider == 'torch-cpu'
    model.observe(image(0), None)
    assert model.imagine(None, 2).frames.shape == (2, 128, 128, 3)


@pytest.mark.parametrize('kind', ['discrete', 'continuous'])
def test_engines_are_built_for_the_very_sizes_that_a_robot_asks_for(
    make_random_bundle: Make, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    used: dict[str, Execution] = {}
    init = Graph.__init__

    def note(graph: Graph, path: Path, execution: Execution) -> None:
        used[path.name] = execution
        init(graph, path, execution)

    monkeypatch.setattr(Graph, '__init__', note)
    # As on a GPU: compiled layers have no engines.
    monkeypatch.setattr('hma_ros.runtime.engine.library', lambda: None)
    folder = make_random_bundle(kind)
    opened(folder)
    built = {path.name: execution for path, execution in graphs_of(folder, CPU)}
    assert {name: built[name] for name in used} == used
    assert used[f'trunk_{STEM}.onnx'].max_size == 2
    if kind == 'continuous':
        assert used['denoise_patch.onnx'].max_size == Manifest.read(folder).image_tokens


def test_a_changed_tokenizer_is_told_by_its_hash(make_random_bundle: Make, tmp_path: Path) -> None:
    folder = changed(make_random_bundle(), tmp_path / 'tampered')
    (folder / 'encoder.onnx').write_bytes(b'not a graph')
    with pytest.raises(BundleError, match='encoder.onnx: sha256 .* changed after export'):
        opened(folder)


def test_a_codec_of_other_tokens_is_refused(make_random_bundle: Make) -> None:
    manifest = Manifest.read(make_random_bundle())
    with pytest.raises(BundleError, match=r"encoder\.onnx: output 'tokens': got .*, 5\]"):
        BundleCodec(replace(manifest, factors=5), CPU)


@pytest.mark.parametrize('name', ['window', 'mask_steps', 'denoise_steps'])
def test_a_manifest_that_counts_nothing_is_refused(
    make_random_bundle: Make, tmp_path: Path, name: str
) -> None:
    with pytest.raises(BundleError, match=f'{name}:? (got )?0, expected'):
        Manifest.read(changed(make_random_bundle(), tmp_path / 'none', **{name: 0}))
