# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Bundles that another program wrote: hashes are right, and what they cover is not."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import fuzz, outcome
from hypothesis import example, given
from hypothesis import strategies as st
from mutations import data, trees

from hma_ros.runtime import denoiser
from hma_ros.runtime.layer_file import MATRICES, NORMS, read_layers
from hma_ros.runtime.manifest import Manifest
from hma_ros.runtime.manifest_file import FILE_NAME, FORMAT, read_facts, write_facts

SHIPPED = Path(__file__).parents[2] / 'models' / 'hma_sim'
ROBOT = json.loads((SHIPPED / FILE_NAME).read_text())['stems']['planar_push']['robot']
WIDTH = 16
SHIPPED_FACTS = read_facts(SHIPPED)
RANDOM_FACTS: dict[str, Any] = {
    'kind': 'discrete',
    'compat': 'corrected',
    'time': 'rotary',
    'layers': 2,
    'heads': 2,
    'head_width': 8,
    'window': 4,
    'image_tokens': 16,
    'kept_tokens': 18,
    'factors': 3,
    'factor_size': 4,
    'patch_size': 0,
    'predicts_actions': True,
    'hides_actions': True,
    'mask_steps': 2,
    'precision': 'fp32',
    'stems': {'planar_push': {'stride': 1, 'mean': [0, 0], 'std': [1, 1], 'robot': ROBOT}},
    'files': {'trunk.onnx': 'ab' * 32},
    'parity': {'tokens': 1.0},
    'frames': {'tokenizer': 'levels', 'image_size': 64, 'latent_scale': 1.0},
}


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp('bundle')


def use(folder: Path) -> None:
    """Read a manifest and do what nodes do with it before they open graphs."""
    manifest = Manifest.read(folder)
    for name in manifest.stems:
        outcome(None, lambda name=name: manifest.robot(name).trained_on)
    outcome(None, lambda: manifest.image_size)
    assert isinstance(manifest.policy_refusal, str)
    assert manifest.max_horizon >= 0
    manifest.verify()


@fuzz(500)
@given(trees(SHIPPED_FACTS) | trees(RANDOM_FACTS))
def test_manifests(folder: Path, facts: Any) -> None:
    facts.pop('format', None)
    write_facts(folder, facts)
    outcome('manifests', lambda: use(folder))


@fuzz(200)
@given(data((SHIPPED / FILE_NAME).read_bytes()))
def test_manifest_bytes(folder: Path, content: bytes) -> None:
    (folder / FILE_NAME).write_bytes(content)
    outcome('manifest bytes', lambda: use(folder))


def test_the_mutated_manifests_are_valid_before(folder: Path) -> None:
    for facts in (SHIPPED_FACTS, RANDOM_FACTS):
        write_facts(folder, facts)
        assert read_facts(folder) == facts
        Manifest.read(folder)
    assert json.loads((SHIPPED / FILE_NAME).read_text())['format'] == FORMAT


class Weights:
    """Lays arrays one after the other and describes where they are."""

    def __init__(self) -> None:
        self.content = b''

    def place(self, *shape: int, dtype: str = 'float32') -> dict[str, Any]:
        offset = len(self.content)
        self.content += np.zeros(shape, dtype).tobytes()
        return {'offset': offset, 'shape': list(shape), 'dtype': dtype}

    def matrix(self, depth: int, columns: int) -> dict[str, Any]:
        place = {'values': self.place(depth, columns), 'bias': self.place(columns)}
        return {**place, 'is_turned': False}

    def norm(self, width: int) -> dict[str, Any]:
        return {'weight': self.place(width), 'bias': self.place(width)}


def layers() -> tuple[dict[str, Any], bytes]:
    weights, wide = Weights(), {'space_made': 3, 'time_made': 3}
    shape: dict[str, Any] = {
        'width': WIDTH,
        'heads': 2,
        'hidden': WIDTH,
        'tokens': 4,
        'scale': 0.5,
    }
    heads = shape['heads']
    widths = {name: WIDTH // heads if name.startswith('in_') else WIDTH for name in NORMS}
    layer = {
        'matrices': {name: weights.matrix(WIDTH, WIDTH * wide.get(name, 1)) for name in MATRICES},
        'norms': {name: weights.norm(width) for name, width in widths.items()},
        'lag_bias': weights.place(heads, 3),
    }
    facts = {
        'shape': shape,
        'modulates': True,
        'weights': 'weights.bin',
        'layers': [layer, layer],
    }
    return facts, weights.content


LAYERS, LAYER_WEIGHTS = layers()


NO_SHAPE = {**LAYERS['layers'][0], 'lag_bias': {'offset': 0, 'shape': [], 'dtype': 'float32'}}


@fuzz(500)
@given(trees(LAYERS), st.sampled_from([0, 1, 100, len(LAYER_WEIGHTS)]))
@example({**LAYERS, 'layers': [NO_SHAPE]}, len(LAYER_WEIGHTS))
def test_layers(folder: Path, facts: Any, size: int) -> None:
    path = folder / 'layers_s.json'
    path.write_text(json.dumps(facts))
    (folder / 'weights.bin').write_bytes(LAYER_WEIGHTS[:size])
    outcome('layers', lambda: read_layers(path))


def test_the_mutated_layers_are_valid_before(folder: Path) -> None:
    path = folder / 'layers_s.json'
    path.write_text(json.dumps(LAYERS))
    (folder / 'weights.bin').write_bytes(LAYER_WEIGHTS)
    shape, read, modulates = read_layers(path)
    assert (shape.width, len(read), modulates) == (WIDTH, 2, True)


def denoised() -> tuple[dict[str, Any], bytes]:
    weights = Weights()
    shape = denoiser.DenoiserShape(**DENOISER_SIZES)
    facts = {
        'shape': DENOISER_SIZES,
        'weights': 'weights.bin',
        'matrices': [weights.matrix(*size) for size in shape.matrices],
        'norms': [weights.norm(WIDTH)] * shape.blocks,
    }
    return facts, weights.content


DENOISER_SIZES = {'blocks': 1, 'width': WIDTH, 'size': 4}
DENOISER, DENOISER_WEIGHTS = denoised()


@fuzz(200)
@given(trees(DENOISER), st.sampled_from([0, 100, len(DENOISER_WEIGHTS)]))
def test_denoisers(folder: Path, facts: Any, size: int) -> None:
    path = folder / 'denoise_patch.json'
    path.write_text(json.dumps(facts))
    (folder / 'weights.bin').write_bytes(DENOISER_WEIGHTS[:size])
    outcome('denoisers', lambda: denoiser._read(path))
