# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Trained models to go on from."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from hma_ros.bringup.places import bundle_folder
from hma_ros.core.errors import BundleError, ConfigError
from hma_ros.export.bundle_tokenizer import read_bundle_tokenizer
from hma_ros.export.model_graphs import model_parts
from hma_ros.export.pretrained import encode_with, read_codec, read_pretrained, save_codec
from hma_ros.network.checkpoint import load_hma
from hma_ros.runtime.graph import Graph


def test_the_shipped_bundle_gives_a_network_that_computes_what_its_graphs_do(tmp_path):
    folder = bundle_folder('hma_sim')
    found = read_pretrained(folder)
    assert {domain.name for domain in found.model.config.domains} >= {'planar_push'}
    for part in model_parts(found.model, 'planar_push'):
        graph = Graph(folder / f'{part.name}.onnx')
        outputs = graph({name: part.inputs[name].numpy() for name in graph.inputs})
        expected = part.outputs()
        for name, output in zip(graph.outputs, outputs, strict=True):
            torch.testing.assert_close(
                torch.from_numpy(output), expected[name], rtol=1e-4, atol=1e-4, msg=name
            )


def test_a_tokenizer_of_graphs_is_kept_with_a_run(tmp_path):
    found = read_pretrained(bundle_folder('hma_sim'))
    save_codec(found.codec, found.tokenizer, tmp_path / 'tokenizer')
    again = read_codec(tmp_path / 'tokenizer', found.model.config)
    assert (again.name, again.image_size) == ('levels', 128)
    frames = _frames(2)
    tokens = encode_with(again, tmp_path / 'tokenizer')(frames)
    assert tokens.shape == (2, 64, 12)
    assert 0 <= tokens.min() <= tokens.max() < 8


def test_the_tokenizer_of_a_bundle_makes_the_tokens_and_frames_of_its_graphs():
    folder = bundle_folder('hma_sim')
    tokenizer, frames = read_bundle_tokenizer(folder), _frames(2)
    (expected,) = Graph(folder / 'encoder.onnx')({'frames': frames})
    with torch.no_grad():
        tokens = tokenizer.encode(torch.from_numpy(frames))
        drawn = tokenizer.decode(tokenizer.values(tokens))
    assert (tokens.numpy() == expected).mean() > 0.999  # processors round differently
    (expected,) = Graph(folder / 'decoder.onnx')({'tokens': tokenizer.values(tokens).numpy()})
    assert np.abs(drawn.numpy().astype(int) - expected).max() <= 1


def test_a_tokenizer_of_latents_is_not_read_from_its_graphs(make_random_bundle):
    with pytest.raises(BundleError, match='frame tokenizer: got .*, continuous, expected levels'):
        read_bundle_tokenizer(make_random_bundle('continuous'))


def test_a_bundle_with_the_network_in_it_is_read_from_that(make_random_bundle):
    folder = make_random_bundle()
    found = read_pretrained(folder)
    for name, value in load_hma(folder).state_dict().items():
        torch.testing.assert_close(found.model.state_dict()[name], value, rtol=0, atol=0)


def test_a_bundle_whose_graphs_alone_do_not_tell_is_refused(make_random_bundle, tmp_path):
    folder = tmp_path / 'bundle'
    folder.mkdir()
    for path in make_random_bundle().iterdir():
        if path.name not in ('config.json', 'model.safetensors'):
            (folder / path.name).symlink_to(path)
    with pytest.raises(BundleError, match='expected .* discrete fp32 bundle .*--torch'):
        read_pretrained(folder)


def test_a_link_to_a_tokenizer_follows_where_that_was_moved(tmp_path):
    link, old, new = (tmp_path / name for name in ('tokenizer', 'old.ckpt', 'new.ckpt'))
    new.touch()
    link.symlink_to(old)
    for _ in range(2):
        save_codec(SimpleNamespace(), new, link)
        assert link.resolve() == new


def test_a_bundle_with_other_constants_than_expected_is_refused(monkeypatch):
    monkeypatch.setattr(
        'hma_ros.export.bundle_weights.GraphConstants.matrices', lambda *_: iter(())
    )
    with pytest.raises(BundleError, match='got StopIteration'):
        read_pretrained(bundle_folder('hma_sim'))


def test_tokens_of_another_model_than_the_bundle_is_of_are_refused(make_random_bundle):
    """Else a continuous model would learn from integers, and nobody would notice."""
    discrete, continuous = make_random_bundle(), make_random_bundle('continuous')
    with pytest.raises(ConfigError, match='got 16 tokens of 3 factors, expected 4 latent patches'):
        read_pretrained(continuous, discrete)
    with pytest.raises(ConfigError, match='expected 16 tokens of 3 factors'):
        read_pretrained(discrete, continuous)


def _frames(count):
    return np.random.default_rng(0).integers(256, size=(count, 128, 128, 3)).astype(np.uint8)
