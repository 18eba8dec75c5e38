# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Whatever computes a model, it computes the same."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hma_ros.core.errors import BundleError, ConfigError
from hma_ros.core.generation.decoding import Decoding
from hma_ros.core.generation.problem_setting import ProblemSetting
from hma_ros.runtime.engine import DeviceEngine, HostEngine, open_graph
from hma_ros.runtime.kv_cache import DeviceKvCache
from hma_ros.runtime.manifest_file import read_facts, write_facts
from hma_ros.runtime.model import Model
from hma_ros.runtime.providers import TORCH, Execution
from hma_ros.runtime.token_world_model import TokenWorldModel
from hma_ros.runtime.world_model import make_token_world_model

STEM = 'planar_push'
CPU = Execution(provider='cpu', threads=1)
TORCH_CPU = Execution(provider=TORCH, threads=1, allow_cpu=True)


def on_the_device(folder: Path) -> Model:
    """Let the host's memory be a device's: the code of a GPU, run without one."""
    model = Model(folder, STEM, CPU)
    trunk = open_graph(model.manifest, f'trunk_{STEM}', CPU)
    model.engine = DeviceEngine(model.manifest, STEM, CPU, trunk)
    return model


def in_torch(folder: Path) -> Model:
    return Model(folder, STEM, TORCH_CPU)


def in_graphs(folder: Path) -> Model:
    """On the CPU as where the compiled library does not run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('hma_ros.runtime.engine.library', lambda: None)
        model = Model(folder, STEM, CPU)
    assert type(model.engine) is HostEngine
    return model


def story(model: Model, guidance: float = 1.0) -> list[np.ndarray]:
    """Observe more steps than the window, and act and imagine in every setting on the way."""
    decoding = Decoding(guidance=guidance)
    world = make_token_world_model(model, STEM, np.random.default_rng(0), decoding)
    random, told = np.random.default_rng(1), []
    for step in range(7):
        executed = None if step in (0, 3) else random.uniform(-0.1, 0.1, 2).astype(np.float32)
        world.observe(tokens(model, random), executed)
        told += [world.act(), *imagined(world, random)]
    return told


def imagined(world: TokenWorldModel, random: np.random.Generator) -> list[np.ndarray]:
    chunks = random.uniform(-0.1, 0.1, (3, 2)).astype(np.float32)
    frames, own = world.imagine(3, ProblemSetting.FULL)
    assert own is not None
    forward, _ = world.imagine(3, ProblemSetting.FORWARD, chunks)
    passive, none = world.imagine(2, ProblemSetting.PASSIVE)
    assert none is None
    return [frames, own, forward, passive]


def tokens(model: Model, random: np.random.Generator) -> np.ndarray:
    facts = model.manifest
    if facts.kind == 'discrete':
        return random.integers(0, facts.factor_size, (facts.image_tokens, facts.factors))
    return random.standard_normal((facts.image_tokens, facts.patch_size)).astype(np.float32)


@pytest.mark.parametrize('kind', ['discrete', 'continuous'])
@pytest.mark.parametrize('other', [in_graphs, on_the_device, in_torch])
@pytest.mark.parametrize('guidance', [1.0, 2.0])
def test_engines_agree(
    make_random_bundle: Callable[..., Path],
    kind: str,
    other: Callable[[Path], Model],
    guidance: float,
) -> None:
    folder = make_random_bundle(kind)
    expected = story(Model(folder, STEM, CPU), guidance)
    for found, value in zip(story(other(folder), guidance), expected, strict=True):
        if value.dtype.kind == 'i':
            np.testing.assert_array_equal(found, value)
        else:
            np.testing.assert_allclose(found, value, atol=2e-4)


@pytest.mark.parametrize('other', [on_the_device, in_torch])
def test_engines_agree_in_half_precision(
    make_random_bundle: Callable[..., Path], other: Callable[[Path], Model]
) -> None:
    """Each rounds where it likes, so chunks are near each other, and most tokens the same."""
    folder = make_random_bundle(precision='fp16')
    full = Model(make_random_bundle(), STEM, CPU)
    model = other(folder)
    expected, found = story(full), story(model)
    chunks = [np.abs(left - right).max() for left, right in zip(found, expected, strict=True)]
    assert max(chunks[::5]) < 2e-3
    same = [
        (left == right).mean() for left, right in zip(found[1::5], expected[1::5], strict=True)
    ]
    assert np.mean(same) > 0.97


def test_past_steps_are_half_where_the_bundle_is(make_random_bundle: Callable[..., Path]) -> None:
    cache = on_the_device(make_random_bundle(precision='fp16')).kv_cache()
    assert isinstance(cache, DeviceKvCache)
    assert {array.dtype for array in cache.feeds.values()} == {np.dtype(np.float16)}


def test_past_steps_of_the_host_are_not_bound_to_a_device(
    make_random_bundle: Callable[..., Path],
) -> None:
    model = Model(make_random_bundle(), STEM, CPU)
    trunk = open_graph(model.manifest, f'trunk_{STEM}', CPU)
    trunk.provider = 'cuda'
    with pytest.raises(ConfigError, match='runs on cuda, but append.onnx only on cpu'):
        DeviceEngine(model.manifest, STEM, CPU, trunk)


def test_torch_without_cuda_is_refused_unless_the_cpu_is_allowed(
    make_random_bundle: Callable[..., Path],
) -> None:
    with pytest.raises(ConfigError, match='torch-cuda: torch .* finds no CUDA device'):
        Model(make_random_bundle(), STEM, Execution(provider=TORCH))
    assert in_torch(make_random_bundle()).engine.provider == 'torch-cpu'


def test_torch_needs_the_network_in_the_bundle(
    make_random_bundle: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_random_bundle()
    bare = tmp_path / 'bare'
    bare.mkdir()
    for path in folder.iterdir():
        if path.name not in ('manifest.json', 'model.safetensors'):
            (bare / path.name).symlink_to(path)
    facts = read_facts(folder)
    del facts['files']['model.safetensors']
    write_facts(bare, facts)
    with pytest.raises(BundleError, match='no model.safetensors, expected the network'):
        Model(bare, STEM, TORCH_CPU)
