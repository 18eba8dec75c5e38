# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The compiled steps of a diffusion head are those of the network, whatever its shape."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from hma_ros.cli.golden.report import relative_error
from hma_ros.core.errors import BundleError, InferenceError
from hma_ros.export.compiled import compiled_parts
from hma_ros.export.denoiser import check_denoiser, shape_of, write_denoiser
from hma_ros.export.model_graphs import head_parts
from hma_ros.export.parity import Parity
from hma_ros.export.weights import SharedWeights
from hma_ros.network.config import Diffusion, HmaConfig
from hma_ros.network.diffusion_head import DiffusionHead
from hma_ros.runtime.compiled import library, why_not
from hma_ros.runtime.denoiser import CompiledDenoiser

pytestmark = pytest.mark.skipif(library() is None, reason=f'compiled layers: {why_not()}')

CONDITION = 24


def a_head(size=12, width=64, blocks=2):
    torch.manual_seed(0)
    config = Diffusion(1, size, width, blocks, steps=10, mask_steps=2)
    head = DiffusionHead(size, CONDITION, config).eval().requires_grad_(False)
    for parameter in head.parameters():
        parameter.normal_(float(parameter.ndim < 2), 0.5 * parameter.shape[-1] ** -0.5)
    return head


def written(head, folder, is_whole=False):
    path = folder / 'denoise_patch.json'
    with SharedWeights(folder / 'weights.bin') as weights:
        write_denoiser(head.net, is_whole, weights, path)
    return path


def step_of(head, count):
    """A step of samples that have little to do with each other."""
    width = shape_of(head.net).width
    x, condition, time = (
        torch.randn(*shape) for shape in ((count, head.size), (count, width), (1, width))
    )
    expected = head.net.denoise(x, condition + time)
    return {'x': x, 'condition': condition, 'time': time}, expected


def check(head, denoiser, count, tolerance=1e-5):
    inputs, expected = step_of(head, count)
    found = denoiser({name: value.numpy() for name, value in inputs.items()})
    for part, value in zip(found, expected, strict=True):
        assert part.shape == value.shape
        assert relative_error(part, value.numpy()) < tolerance


SHAPES = [(16, 128, 3), (1, 16, 1), (37, 48, 2), (1040, 32, 1)]


@pytest.mark.parametrize(('size', 'width', 'blocks'), SHAPES)
@pytest.mark.parametrize('threads', [1, 3])
def test_every_shape(tmp_path, size, width, blocks, threads):
    head = a_head(size, width, blocks)
    denoiser = CompiledDenoiser(written(head, tmp_path), threads)
    for count in (1, 2, 67, 300, 5):
        check(head, denoiser, count)


@pytest.mark.parametrize('is_whole', [False, True])
def test_a_width_beyond_what_is_multiplied_at_once(tmp_path, is_whole):
    head = a_head(width=1040, blocks=1)
    denoiser = CompiledDenoiser(written(head, tmp_path, is_whole), 2)
    check(head, denoiser, 20, tolerance=0.02 if is_whole else 1e-5)


@pytest.mark.parametrize(('size', 'width', 'blocks'), SHAPES)
@pytest.mark.parametrize('threads', [1, 3])
def test_whole_numbers_are_near(tmp_path, size, width, blocks, threads):
    """The more columns a row has, the less one of them counts; these have few."""
    head = a_head(size, width, blocks)
    denoiser = CompiledDenoiser(written(head, tmp_path, is_whole=True), threads)
    for count in (1, 2, 150):
        check(head, denoiser, count, tolerance=0.05 if width > 16 else 0.1)


def test_no_samples_are_no_work(tmp_path):
    denoiser = CompiledDenoiser(written(a_head(), tmp_path), 2)
    inputs, _ = step_of(a_head(), 0)
    eps, variance = denoiser({name: value.numpy() for name, value in inputs.items()})
    assert eps.shape == variance.shape == (0, 12)


def test_callers_take_turns(tmp_path):
    head = a_head()
    denoiser = CompiledDenoiser(written(head, tmp_path), 2)
    given = [
        {name: value.numpy() for name, value in step_of(head, 20)[0].items()} for _ in range(20)
    ]
    expected = [denoiser(inputs)[0] for inputs in given]
    with ThreadPoolExecutor(4) as callers:
        for found, alone in zip(callers.map(denoiser, given), expected, strict=True):
            np.testing.assert_array_equal(found[0], alone)


@pytest.mark.parametrize('is_whole', [False, True])
@pytest.mark.parametrize(
    ('name', 'value'), [('x', np.nan), ('condition', np.inf), ('time', -np.inf)]
)
def test_noise_that_is_not_finite_is_refused(tmp_path, is_whole, name, value):
    """A sampler would clip it to a sample like any other."""
    denoiser = CompiledDenoiser(written(a_head(), tmp_path, is_whole), 2)
    inputs = {key: part.numpy() for key, part in step_of(a_head(), 9)[0].items()}
    expected = denoiser(inputs)
    spoilt = inputs[name].copy()
    spoilt[0, 3] = value
    with pytest.raises(InferenceError, match='denoise_patch: the noise of a sample is not finite'):
        denoiser({**inputs, name: spoilt})
    for found, before in zip(denoiser(inputs), expected, strict=True):
        np.testing.assert_array_equal(found, before)


@pytest.mark.parametrize(
    ('name', 'change', 'message'),
    [
        ('x', lambda value: value[:, :3], r'x float32\[7, 3\], expected float32\[7, 12\]'),
        ('condition', lambda value: value[:5], r'condition float32\[5, 64\]'),
        ('time', lambda value: value.repeat(7, 0), r'time float32\[7, 64\]'),
        ('x', lambda value: value.astype(np.float64), 'x float64'),
    ],
)
def test_arrays_of_another_size_are_not_read(tmp_path, name, change, message):
    denoiser = CompiledDenoiser(written(a_head(), tmp_path), 2)
    inputs = {key: value.numpy() for key, value in step_of(a_head(), 7)[0].items()}
    with pytest.raises(InferenceError, match=message):
        denoiser({**inputs, name: change(inputs[name])})
    inputs.pop(name)
    with pytest.raises(InferenceError, match=r"expected \['condition', 'time', 'x'\]"):
        denoiser(inputs)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda facts: facts.pop('weights'), "KeyError\\('weights'\\)"),
        (lambda facts: facts['shape'].update(width=24), 'multiples of 16'),
        (lambda facts: facts['shape'].update(blocks=0), 'some blocks'),
        (lambda facts: facts['shape'].update(blocks=10**9), 'matrices and norms'),
        (lambda facts: facts['shape'].update(size=12.0), 'size 12.0, expected a whole number'),
        (lambda facts: facts['matrices'].pop(), r'\(8, 2\) matrices and norms'),
        (lambda facts: facts['norms'].pop(), r'\(9, 1\) matrices and norms'),
        (lambda facts: facts['matrices'].reverse(), 'expected float32'),
        (lambda facts: facts['matrices'][0]['values'].update(offset=-4), 'offset -4'),
        (lambda facts: facts['matrices'][0]['values'].update(offset=2), 'in multiples of 4'),
        (lambda facts: facts['matrices'][0]['values'].update(offset=1e400), 'offset inf'),
        (lambda facts: facts['matrices'][0]['values'].update(dtype='2 3f4'), "dtype '2 3f4'"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(tmp_path, change, message):
    path = written(a_head(), tmp_path)
    facts = json.loads(path.read_text())
    change(facts)
    path.write_text(json.dumps(facts))
    with pytest.raises(BundleError, match=message):
        CompiledDenoiser(path, 2)


def test_whole_numbers_may_not_be_where_reals_are_expected(tmp_path):
    head = a_head(size=16, width=16, blocks=1)
    path = written(head, tmp_path, is_whole=True)
    facts = json.loads(path.read_text())
    facts['matrices'][0] = facts['matrices'][2]
    path.write_text(json.dumps(facts))
    with pytest.raises(BundleError, match='float32 at both ends'):
        CompiledDenoiser(path, 2)


@pytest.mark.parametrize('threads', [0, -1])
def test_without_threads_there_is_no_denoiser(tmp_path, threads):
    with pytest.raises(BundleError, match='expected memory for it, and one thread or more'):
        CompiledDenoiser(written(a_head(), tmp_path), threads)


@pytest.mark.parametrize(
    ('width', 'precision', 'count'), [(32, 'fp32', 1), (32, 'fp16', 0), (24, 'int8', 0)]
)
def test_odd_sizes_and_halves_are_left_to_graphs(width, precision, count):
    parts = head_parts(a_head(width=width), 'patch', CONDITION)
    config = HmaConfig(layers=1, heads=2, width=32, window=2, positions=4)
    assert len(compiled_parts(parts, config, precision)) == count


def test_a_proof_tells_weights_of_another_head(tmp_path):
    head, path = a_head(), written(a_head(), tmp_path)
    part = head_parts(head, 'patch', CONDITION)[-1]
    assert check_denoiser(part, path, Parity(1e-5, 1e-5, 1)).error < 1e-5
    head.net.res_blocks[0].mlp[0].weight[0] += 1
    with pytest.raises(BundleError, match='relative error'):
        check_denoiser(part, path, Parity(1e-5, 1e-5, 1))
