# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Checkpoints of strangers: configurations and weights with a few things changed."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from cases import fuzz, outcome
from hypothesis import given
from hypothesis import strategies as st
from mutations import data, trees
from safetensors.torch import save

from hma_ros.network.checkpoint import (
    load_hma,
    load_released,
    load_tokenizer,
    save_hma,
    save_tokenizer,
)
from hma_ros.network.strict_loading import load_tensors, load_weights
from hma_ros.network.tokenizer import FrameTokenizer, TokenizerConfig

GOLDEN = Path(__file__).parents[1] / 'data' / 'golden'
RELEASED = {
    name: json.loads((GOLDEN / name / 'config.json').read_text())
    for name in ('disc_concat_modulate', 'mar_concat_modulate')
}
TENSORS = {
    'decoder.weight': torch.arange(6.0).reshape(2, 3),
    'module.bias': torch.zeros(3),
    'half': torch.zeros(2, dtype=torch.float16),
    'ids': torch.arange(3),
}
SMALL = TokenizerConfig(
    factors=2, levels=4, width=8, detail_width=4, encoder_blocks=1, decoder_blocks=1
)


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp('checkpoints')
    for name in RELEASED:
        shutil.copytree(GOLDEN / name, base / name)
    save_hma(load_released(GOLDEN / 'disc_concat_modulate'), base / 'ours')
    save_tokenizer(FrameTokenizer(SMALL), base / 'tokenizer')
    return base


@fuzz(400)
@given(data(save(TENSORS, metadata={'format': 'pt'})))
def test_safetensors(folder: Path, content: bytes) -> None:
    path = folder / 'some.safetensors'
    path.write_bytes(content)
    outcome('safetensors', lambda: load_tensors(path))
    outcome(None, lambda: load_weights(path))


@fuzz(100)
@given(st.sampled_from(sorted(RELEASED)), st.data())
def test_released_configurations(folder: Path, name: str, draw: Any) -> None:
    facts = draw.draw(trees(RELEASED[name]))
    (folder / name / 'config.json').write_text(json.dumps(facts))
    outcome('released configurations', lambda: load_released(folder / name))


@fuzz(100)
@given(draw=st.data())
def test_our_configurations(folder: Path, draw: Any) -> None:
    facts = draw.draw(trees(_ours(folder)))
    (folder / 'ours' / 'config.json').write_text(json.dumps(facts))
    outcome('our configurations', lambda: load_hma(folder / 'ours'))


@fuzz(100)
@given(facts=trees(asdict(SMALL)))
def test_tokenizer_configurations(folder: Path, facts: Any) -> None:
    (folder / 'tokenizer' / 'config.json').write_text(json.dumps(facts))
    outcome('tokenizer configurations', lambda: load_tokenizer(folder / 'tokenizer'))


_OURS: dict[str, Any] = {}


def _ours(folder: Path) -> dict[str, Any]:
    if not _OURS:
        _OURS.update(json.loads((folder / 'ours' / 'config.json').read_text()))
    return _OURS
