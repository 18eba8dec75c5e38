# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A bundle becomes another: in another precision, with or without its network."""

import numpy as np
import pytest
import torch
from PIL import Image

from hma_ros.bringup.places import bundle_folder
from hma_ros.cli.export import read_bundle
from hma_ros.cli.main import main
from hma_ros.network.checkpoint import load_hma
from hma_ros.runtime.manifest import Manifest


def test_a_bundle_is_written_anew_in_another_precision_with_its_network(
    make_random_bundle, tmp_path, capsys
):
    old, out = Manifest.read(make_random_bundle('continuous')), tmp_path / 'int8'
    words = ['--precision', 'int8', '--torch', '--temperature', '0.5', '--mask-steps', '3']
    assert main(['export', str(old.folder), '--out', str(out), *words]) == 0
    assert 'int8; against the network' in capsys.readouterr().out
    new = Manifest.read(out)
    assert (new.precision, new.temperature, new.denoise_steps) == ('int8', 0.5, 4)
    assert new.mask_steps == 3
    assert (new.robots, new.drawing, new.frames) == (old.robots, old.drawing, old.frames)
    expected = load_hma(old.folder).state_dict()
    for name, value in load_hma(out).state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=0, atol=0)


def test_an_int8_decoder_is_added_to_a_bundle_and_the_rest_stays(tmp_path):
    old, out = Manifest.read(bundle_folder('hma_sim')), tmp_path / 'more'
    (images := tmp_path / 'images').mkdir()
    for seed in range(4):
        # Smooth, as images are.
        small = np.random.default_rng(seed).integers(256, size=(4, 4, 3)).astype(np.uint8)
        Image.fromarray(small).resize((128, 128)).save(images / f'{seed}.png')
    assert main(['export', 'hma_sim', '--out', str(out), '--frames', str(images)]) == 0
    new = Manifest.read(out)
    new.verify()
    assert {**old.files, 'decoder_int8.onnx': new.files['decoder_int8.onnx']} == new.files
    assert new.codec_parity.items() >= old.codec_parity.items()
    assert 'decoder_int8' in new.codec_parity
    assert new.decoding == old.decoding


def test_the_shipped_bundle_can_be_written_anew_as_it_imagines():
    manifest = Manifest.read(bundle_folder('hma_sim'))
    model, options = read_bundle(manifest.folder, 'int8')
    assert [domain.name for domain in model.config.domains] == list(manifest.stems)
    assert (options.precision, options.drawing) == ('int8', manifest.drawing)
    assert (options.robots, options.stores_half) == (manifest.robots, True)
    for name in manifest.decoding.chosen:
        assert getattr(options, name) == getattr(manifest.decoding, name)


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['nope'], "bundle: got 'nope', expected a folder with manifest.json"),
        (['--renew', 'old', '--torch'], 'export: got --torch with --renew, expected SRC'),
        (
            ['--renew', 'old', '--precision', 'int8', '--temperature', '0'],
            'export: got --precision, --temperature with --renew, expected SRC',
        ),
        (['--renew', 'old', '--mask-steps', '3'], 'export: got --mask-steps with --renew'),
        ([], 'export: expected either SRC or --renew BUNDLE'),
    ],
)
def test_what_cannot_be_exported_is_refused(tmp_path, capsys, words, message):
    assert main(['export', *words, '--out', str(tmp_path / 'new')]) == 2
    assert message in capsys.readouterr().err
