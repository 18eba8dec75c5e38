# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The frame tokenizer in bf16 and int8, through OpenVINO."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import openvino
import pytest
import torch
from PIL import Image

from hma_ros.core.errors import BundleError, ConfigError, InferenceError
from hma_ros.export.bundle import CODEC_TOLERANCES
from hma_ros.export.int8_decoder import read_frames, write_int8_decoder
from hma_ros.export.tokenizer_graphs import codec_parts
from hma_ros.network.frames import IdCodec
from hma_ros.network.magvit2 import Magvit2, Magvit2Config
from hma_ros.runtime.frames import BundleCodec, level_values
from hma_ros.runtime.graph import Graph
from hma_ros.runtime.manifest import INT8_DECODER, Manifest
from hma_ros.runtime.openvino_graph import OpenVinoGraph
from hma_ros.runtime.providers import Execution
from hma_ros.runtime.world_model import WorldModel

FP32 = Execution('cpu', threads=1)
BF16 = Execution('cpu', threads=1, tokenizer_precision='bf16')
CONFIG = Magvit2Config(image_size=32, width=64, multipliers=(1, 2), blocks=1)
needs_bf16 = pytest.mark.skipif(
    'BF16' not in openvino.Core().get_property('CPU', 'OPTIMIZATION_CAPABILITIES'),
    reason='this CPU does not compute in bf16',
)


def psnr(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the ratio of the brightest value to the error, dB."""
    return float(20 * np.log10(255 / np.sqrt(np.square(found.astype(float) - expected).mean())))


@pytest.fixture(scope='module')
def magvit2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the graphs of a small tokenizer of the released kind."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp('magvit2')
    for part in codec_parts(IdCodec(Magvit2(CONFIG).eval(), 2, 512)):
        onnx.save(part.graph(), folder / f'{part.name}.onnx')
    return folder


@pytest.fixture
def frames() -> np.ndarray:
    """Return three smooth images ``uint8[3, 32, 32, 3]``, none like the others."""
    place = np.linspace(0, 3, CONFIG.image_size)
    waves = [
        np.sin(place[:, None, None] * turn + place[:, None] + [0, 1, 2]) for turn in (1, 2, 3)
    ]
    return (np.stack(waves) * 100 + 128).astype(np.uint8)


@needs_bf16
@pytest.mark.parametrize('count', [1, 3])
def test_a_released_tokenizer_gives_nearly_what_it_gives_in_fp32(
    magvit2: Path, frames: np.ndarray, count: int
) -> None:
    encoder, decoder = magvit2 / 'encoder.onnx', magvit2 / 'decoder.onnx'
    (tokens,) = Graph(encoder, FP32)({'frames': frames[:count]})
    (found,) = OpenVinoGraph(encoder, 1)({'frames': frames[:count]})
    assert (found.shape, found.dtype) == (tokens.shape, tokens.dtype)
    assert (found == tokens).mean() > 0.85
    (decoded,) = Graph(decoder, FP32)({'tokens': tokens})
    (found,) = OpenVinoGraph(decoder, 1)({'tokens': tokens})
    assert (found.shape, found.dtype) == (decoded.shape, decoded.dtype)
    assert psnr(found, decoded) > 40


@needs_bf16
def test_a_trained_tokenizer_shows_the_same_image(bundle: Path, frames: np.ndarray) -> None:
    manifest = Manifest.read(bundle)
    frame = np.kron(frames[0], np.ones((manifest.image_size // 32,) * 2 + (1,), np.uint8))
    exact, quick = (BundleCodec(manifest, execution) for execution in (FP32, BF16))
    tokens = exact.encode(frame)
    assert (quick.encode(frame) == tokens).mean() > 0.85
    both = np.stack([tokens, tokens[::-1]])
    assert psnr(quick.decode_batch(both), exact.decode_batch(both)) > 35


@needs_bf16
def test_a_world_model_imagines_with_it(make_random_bundle: Callable[..., Path]) -> None:
    folder = make_random_bundle()
    model = WorldModel(folder, 'planar_push', BF16)
    size = model.manifest.image_size
    model.observe(np.full((size, size, 3), 128, np.uint8), None)
    still = np.zeros((2, model.stem.stride, model.stem.action_dim), np.float32)
    assert model.imagine(still, 2).frames.shape == (2, size, size, 3)


@needs_bf16
@pytest.mark.parametrize(
    ('inputs', 'got'),
    [
        ({'frames': np.zeros((1, 32, 32, 3), np.float32)}, r'float32\[1, 32, 32, 3\]'),
        ({'frames': np.zeros((1, 16, 32, 3), np.uint8)}, r'uint8\[1, 16, 32, 3\]'),
        ({}, 'nothing'),
    ],
)
def test_what_a_graph_does_not_take_is_refused(
    magvit2: Path, inputs: dict[str, np.ndarray], got: str
) -> None:
    graph = OpenVinoGraph(magvit2 / 'encoder.onnx', 1)
    message = rf"encoder.onnx: input 'frames': got {got}, expected uint8\[B, 32, 32, 3\]"
    with pytest.raises(InferenceError, match=message):
        graph(inputs)


@needs_bf16
def test_a_broken_graph_is_an_error(tmp_path: Path) -> None:
    (tmp_path / 'encoder.onnx').write_bytes(b'no graph')
    with pytest.raises(BundleError, match=r'encoder.onnx: .*expected a graph OpenVINO can load'):
        OpenVinoGraph(tmp_path / 'encoder.onnx', 1)


def test_a_trained_decoder_gives_nearly_the_same_in_int8(bundle: Path, tmp_path: Path) -> None:
    for name in ('encoder', 'decoder'):
        (tmp_path / f'{name}.onnx').write_bytes((bundle / f'{name}.onnx').read_bytes())
    with Image.open('docs/images/demo_strip.png') as strip:
        for left in range(0, strip.width - 128, 128):
            strip.crop((left, 0, left + 128, 128)).save(tmp_path / f'{left:04}.png')
    manifest = Manifest.read(bundle)
    levels, frames = manifest.factor_size, read_frames(tmp_path, manifest.image_size)
    write_int8_decoder(tmp_path, frames[:-1], levels, CODEC_TOLERANCES[INT8_DECODER])
    encoder, decoder = (Graph(tmp_path / f'{name}.onnx', FP32) for name in ('encoder', 'decoder'))
    (tokens,) = encoder({'frames': frames[-1:]})
    tokens = level_values(tokens, levels)
    (expected,) = decoder({'tokens': tokens})
    (found,) = OpenVinoGraph(tmp_path / 'decoder_int8.onnx', 1)({'tokens': tokens})
    assert psnr(found, expected) > 30


def test_int8_needs_a_bundle_that_has_it(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_graphs(monkeypatch)
    int8 = Execution('cpu', threads=1, tokenizer_precision='int8')
    with pytest.raises(ConfigError, match=r'int8, expected decoder_int8.onnx in .*--frames'):
        WorldModel(bundle, 'franka_pick', int8)


def test_images_are_cut_square_and_scaled(tmp_path: Path) -> None:
    rgb = np.zeros((4, 12, 3), np.uint8)
    rgb[:, 4:8] = 200
    for name in ('a.png', 'b.PNG'):
        Image.fromarray(rgb).save(tmp_path / name)
    frames = read_frames(tmp_path, 2)
    assert frames.shape == (2, 2, 2, 3)
    assert (frames == 200).all()


def test_images_that_calibrate_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'nowhere: got no such folder, expected a folder'):
        read_frames(tmp_path / 'nowhere', 8)
    for name in ('a.png', 'b.png'):
        (tmp_path / name).write_bytes(b'no picture')
    with pytest.raises(ConfigError, match=r'a\.png: got .*, expected an image'):
        read_frames(tmp_path, 8)


def test_without_openvino_it_says_what_to_install(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, 'openvino', None)
    refuse_graphs(monkeypatch)
    message = 'tokenizer_precision: got bf16, .*pip install openvino, or choose .* fp32'
    with pytest.raises(ConfigError, match=message):
        WorldModel(bundle, 'franka_pick', BF16)


def test_a_cpu_without_bf16_is_refused(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    core = SimpleNamespace(get_property=lambda *_: ['FP32', 'INT8'])
    monkeypatch.setattr(openvino, 'Core', lambda: core)
    refuse_graphs(monkeypatch)
    message = 'got bf16 on a CPU with FP32, INT8, expected .* AVX512-BF16; choose .* fp32'
    with pytest.raises(ConfigError, match=message):
        WorldModel(bundle, 'franka_pick', BF16)


def refuse_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail if weights are loaded."""
    module = importlib.import_module('hma_ros.runtime.world_model')
    monkeypatch.setattr(module, 'Model', lambda *_: pytest.fail('weights were loaded'))
