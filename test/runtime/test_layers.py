# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A bundle runs its layers compiled where it can, and says the same."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hma_ros.core.errors import BundleError, ConfigError, InferenceError
from hma_ros.runtime import compiled
from hma_ros.runtime.compiled import library, why_not
from hma_ros.runtime.denoiser import CompiledDenoiser
from hma_ros.runtime.engine import HostEngine, LayerEngine
from hma_ros.runtime.engine_builder import graphs_of
from hma_ros.runtime.graph import Graph
from hma_ros.runtime.manifest import Manifest
from hma_ros.runtime.manifest_file import read_facts, write_facts
from hma_ros.runtime.model import Model, TrunkStep
from hma_ros.runtime.providers import Execution

needs_library = pytest.mark.skipif(library() is None, reason=f'compiled layers: {why_not()}')
STEM = 'planar_push'
CPU = Execution(provider='cpu', threads=2)
Make = Callable[..., Path]


@pytest.fixture
def in_graphs(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Model]:
    """Return a function that opens a bundle as where the library does not run."""

    def opened(folder: Path) -> Model:
        with monkeypatch.context() as patch:
            patch.setattr('hma_ros.runtime.engine.library', lambda: None)
            model = Model(folder, STEM, CPU)
        assert type(model.engine) is HostEngine
        return model

    return opened


def opened(folder: Path) -> Model:
    model = Model(folder, STEM, CPU)
    assert type(model.engine) is LayerEngine
    return model


def steps(model: Model, count: int, batch: int = 1) -> list[TrunkStep]:
    facts, random = model.manifest, np.random.default_rng(0)
    shape = (batch, facts.image_tokens)
    found = []
    for _ in range(count):
        if facts.kind == 'discrete':
            tokens = random.integers(0, facts.factor_size, (*shape, facts.factors))
        else:
            tokens = random.standard_normal((*shape, facts.patch_size)).astype(np.float32)
        found.append(
            TrunkStep.seen(tokens, random.uniform(-0.1, 0.1, (batch, 2)).astype(np.float32))
        )
    return found


def streamed(model: Model, given: list[TrunkStep]) -> list[dict[str, np.ndarray]]:
    """Say something of every step and the next one, and keep the first."""
    cache, said = model.kv_cache(len(given[0].tokens_BSE)), []
    for index in range(len(given) - 1):
        outputs = model.run(cache, index, given[index : index + 2])
        said.append({k: v.copy() for k, v in outputs.items() if not k.startswith('kept_')})
        cache.append(index, model.kept(outputs))
    return said


@needs_library
@pytest.mark.parametrize('kind', ['discrete', 'continuous'])
@pytest.mark.parametrize('batch', [1, 3])
@pytest.mark.parametrize(('precision', 'tolerance'), [('fp32', 2e-5), ('int8', 0.05)])
def test_layers_say_what_graphs_say(
    make_random_bundle: Make,
    in_graphs: Callable[[Path], Model],
    kind: str,
    batch: int,
    precision: str,
    tolerance: float,
) -> None:
    """Integers are near and not equal: here each token has a scale of its own."""
    folder = make_random_bundle(kind, precision)
    graphs, layers = in_graphs(folder), opened(folder)
    given = steps(graphs, 9, batch)
    name = 'logits' if kind == 'discrete' else 'z'
    for found, expected in zip(streamed(layers, given), streamed(graphs, given), strict=True):
        assert found.keys() == expected.keys()
        error = np.abs(found[name] - expected[name]).max() / np.abs(expected[name]).max()
        assert error < tolerance


@needs_library
@pytest.mark.parametrize(('precision', 'tolerance'), [('fp32', 1e-5), ('int8', 0.1)])
def test_steps_of_a_diffusion_head_are_those_of_its_graph(
    make_random_bundle: Make,
    in_graphs: Callable[[Path], Model],
    precision: str,
    tolerance: float,
) -> None:
    folder = make_random_bundle('continuous', precision)
    graphs, layers = in_graphs(folder), opened(folder)
    for head in ('patch', f'action_{STEM}'):
        step, expected = layers.part(f'denoise_{head}'), graphs.part(f'denoise_{head}')
        assert type(step) is CompiledDenoiser
        random = np.random.default_rng(0)
        inputs = {
            name: random.standard_normal((1 if name == 'time' else 9, size), np.float32)
            for name, size in (
                ('x', expected.inputs['x'].shape[1]),
                ('condition', expected.inputs['condition'].shape[1]),
                ('time', expected.inputs['condition'].shape[1]),
            )
        }
        for found, value in zip(step(inputs), expected(inputs), strict=True):
            assert np.abs(found - value).max() / np.abs(value).max() < tolerance


@needs_library
def test_layers_say_the_same_again(make_random_bundle: Make) -> None:
    model = opened(make_random_bundle(precision='int8'))
    given = steps(model, 6)
    first = streamed(model, given)
    for found, expected in zip(streamed(model, given), first, strict=True):
        for name, value in expected.items():
            np.testing.assert_array_equal(found[name], value, name)


@needs_library
@pytest.mark.parametrize('precision', ['fp32', 'int8'])
def test_a_fork_is_undone(make_random_bundle: Make, precision: str) -> None:
    model = opened(make_random_bundle(precision=precision))
    given, cache = steps(model, 7), model.kv_cache()
    for index in range(3):
        cache.append(index, model.kept(model.run(cache, index, [given[index]])))
    before = model.run(cache, 3, [given[3]])['logits']
    with cache.fork():
        for index in range(3, 7):
            cache.append(index, model.kept(model.run(cache, index, [given[index]])))
    np.testing.assert_array_equal(model.run(cache, 3, [given[3]])['logits'], before)


@needs_library
def test_callers_take_turns(make_random_bundle: Make) -> None:
    """Each has its own steps: what one leaves behind would show in the other."""
    model = opened(make_random_bundle())
    cache, given = model.kv_cache(), steps(model, 40)

    def said(step: TrunkStep) -> np.ndarray:
        return model.run(cache, 0, [step])['logits']

    expected = [said(step) for step in given]
    with ThreadPoolExecutor(4) as callers:
        for found, alone in zip(callers.map(said, given), expected, strict=True):
            np.testing.assert_array_equal(found, alone)


@needs_library
def test_rings_are_read_in_turn(make_random_bundle: Make) -> None:
    model = opened(make_random_bundle())
    given, caches = steps(model, 4), (model.kv_cache(), model.kv_cache())
    caches[0].append(0, model.kept(model.run(caches[0], 0, [given[0]])))
    caches[1].append(0, model.kept(model.run(caches[1], 0, [given[1]])))
    alone = [model.run(cache, 1, [given[2]])['logits'] for cache in caches]
    assert not np.array_equal(*alone)
    for cache, expected in zip(caches, alone, strict=True):
        np.testing.assert_array_equal(model.run(cache, 1, [given[2]])['logits'], expected)


@needs_library
@pytest.mark.parametrize(
    ('name', 'change', 'message'),
    [
        ('rotation', lambda value: value[:, :, :1], r'rotation float32\[1, 2, 1\]'),
        ('shift_scale', lambda value: value.astype(np.float64), 'shift_scale float64'),
        ('past_index', lambda value: value[:1], r'bias float32\[1, 2\], expected'),
        ('index', lambda value: np.repeat(value, 2), r'bias float32\[2, '),
    ],
)
def test_arrays_of_another_size_are_not_read(
    make_random_bundle: Make, name: str, change: Callable[[Any], Any], message: str
) -> None:
    model = opened(make_random_bundle())
    cache, step = model.kv_cache(), steps(model, 1)
    feeds = {**given_of(model, step), 'past_index': cache.steps_P}
    feeds[name] = change(feeds[name])
    with pytest.raises(InferenceError, match=message):
        model.engine.trunk(feeds, cache)


def given_of(model: Model, step: list[TrunkStep]) -> dict[str, Any]:
    """What the engine is given for the first step of a stream."""
    taken: dict[str, Any] = {}
    trunk = model.engine.trunk
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            model.engine, 'trunk', lambda feeds, cache: taken.update(feeds) or trunk(feeds, cache)
        )
        model.run(model.kv_cache(), 0, step)
    return taken


@needs_library
def test_layers_that_the_manifest_does_not_list_are_not_run(
    make_random_bundle: Make, tmp_path: Path
) -> None:
    changed = tmp_path / 'bundle'
    shutil.copytree(make_random_bundle(), changed)
    facts = read_facts(changed)
    del facts['files'][f'layers_{STEM}.json']
    (changed / f'layers_{STEM}.json').unlink()
    write_facts(changed, facts)
    assert type(Model(changed, STEM, CPU).engine) is HostEngine


@needs_library
def test_steps_that_the_manifest_does_not_list_are_not_run(
    make_random_bundle: Make, tmp_path: Path
) -> None:
    changed = tmp_path / 'bundle'
    shutil.copytree(make_random_bundle('continuous'), changed)
    facts = read_facts(changed)
    del facts['files']['denoise_patch.json']
    (changed / 'denoise_patch.json').unlink()
    write_facts(changed, facts)
    assert type(opened(changed).part('denoise_patch')) is Graph


@needs_library
@pytest.mark.parametrize('name', [f'layers_{STEM}', 'denoise_patch'])
def test_descriptions_that_were_changed_are_refused(
    make_random_bundle: Make, tmp_path: Path, name: str
) -> None:
    changed = tmp_path / 'bundle'
    shutil.copytree(make_random_bundle('continuous'), changed)
    path = changed / f'{name}.json'
    path.write_text(path.read_text().replace('offset', 'Offset', 1))
    with pytest.raises(BundleError, match=rf'{name}\.json: sha256'):
        Model(changed, STEM, CPU)


@needs_library
def test_steps_of_samples_of_another_size_are_refused(
    make_random_bundle: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = opened(make_random_bundle('continuous'))
    monkeypatch.setattr(Manifest, 'sample_size', lambda *_: 99)
    with pytest.raises(BundleError, match=r'denoise_patch\.json: samples of \d+, expected 99'):
        model.part('denoise_patch')


@needs_library
def test_a_provider_that_is_not_there_gives_layers_where_the_cpu_may_do(
    make_random_bundle: Make,
) -> None:
    folder = make_random_bundle(precision='int8')
    with pytest.raises(ConfigError, match='got tensorrt, expected one that onnxruntime has'):
        Model(folder, STEM, Execution(provider='tensorrt'))
    allowed = Execution(provider='tensorrt', allow_cpu=True)
    assert type(Model(folder, STEM, allowed).engine) is LayerEngine


def test_halves_have_no_layers(make_random_bundle: Make) -> None:
    folder = make_random_bundle(precision='fp16')
    assert not Model(folder, STEM, CPU).manifest.has_layers(STEM)


def test_no_engines_are_built_of_what_goes_around_layers(make_random_bundle: Make) -> None:
    graphs = graphs_of(make_random_bundle(precision='int8'), CPU)
    names = {path.name.partition('_')[0] for path, _ in graphs}
    assert names == {'append.onnx', 'decoder.onnx', 'encoder.onnx', 'stem', 'trunk'}


@needs_library
@pytest.mark.parametrize(
    ('precision', 'value'), [('fp32', np.inf), ('fp32', np.nan), ('int8', np.inf)]
)
def test_what_is_not_finite_is_never_kept(
    make_random_bundle: Make, precision: str, value: float
) -> None:
    model = opened(make_random_bundle(precision=precision))
    cache, step = model.kv_cache(), steps(model, 1)
    cache.append(0, model.kept(model.run(cache, 0, step)))
    cache.feeds['past_steps'][:, 0, ..., 0] = value
    with pytest.raises(InferenceError, match='not finite'):
        model.run(cache, 1, step)


@needs_library
def test_keys_beyond_halves_are_refused(make_random_bundle: Make) -> None:
    model = opened(make_random_bundle(precision='int8'))
    feeds = {**given_of(model, steps(model, 1)), 'past_index': model.kv_cache().steps_P}
    past = model.kv_cache().feeds['past_steps']
    shape = model.engine.layers.shape
    x = np.full((1, 1, shape.tokens, shape.width), 1e6)
    x[..., ::2] = -1e8
    with pytest.raises(InferenceError, match='not finite in float16'):
        model.engine.layers(x, feeds, past)


@pytest.mark.parametrize(
    ('content', 'reason'),
    [(None, 'not built'), (b'', 'build again'), (b'no library', 'build again')],
)
def test_without_a_library_that_loads_there_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / '_layers_avx512vnni.so').write_bytes(content)
    monkeypatch.setattr(compiled.hma_ros, '__path__', [str(tmp_path)])
    found, why, _ = compiled._load.__wrapped__()
    assert found is None
    assert reason in why


@needs_library
def test_a_library_of_another_version_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, '_VERSION', 0)
    found, why, _ = compiled._load.__wrapped__()
    assert found is None
    assert 'another version' in why


def test_where_the_processor_can_the_library_is_built() -> None:
    """So that no skip hides a build that broke."""
    path = Path('/proc/cpuinfo')
    if path.exists() and 'avx512_vnni' in path.read_text():
        assert library() is not None, why_not()
