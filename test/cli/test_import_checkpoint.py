# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Checkpoints of the authors are checked, described, and refused where they cannot serve."""

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from hma_ros.cli.import_checkpoint import _stem
from hma_ros.cli.main import main
from hma_ros.core.embodiment import embodiment_folder
from hma_ros.core.generation.decoding import Decoding
from hma_ros.network.checkpoint import save_tokenizer
from hma_ros.network.config import Compat, Domain, HmaConfig
from hma_ros.network.discrete import DiscreteHma
from hma_ros.network.frames import frame_pixels
from hma_ros.network.strict_loading import load_tensors
from hma_ros.network.tokenizer import FrameTokenizer, TokenizerConfig
from hma_ros.network.weight_files import WeightFiles
from hma_ros.runtime.manifest import FrameFacts, Manifest

GOLDEN = Path(__file__).parents[1] / 'data/golden'
GUIDED = ['--guidance', '2']


def report(capsys, folder: Path) -> dict[str, list[str]]:
    """Lines of the report, by their first word."""
    assert main(['import-checkpoint', str(folder)]) == 0
    lines: dict[str, list[str]] = {}
    for line in capsys.readouterr().out.splitlines()[1:]:
        name, _, text = line.partition(' ')
        lines.setdefault(name, []).append(text.strip())
    return lines


def renamed(folder: Path, old: str, new: str) -> Path:
    """Rename a domain of a copy of a golden checkpoint."""
    from hma_ros.network.strict_loading import load_tensors, save_tensors

    shutil.copytree(GOLDEN / 'disc_modulate', folder)
    tensors = load_tensors(folder / 'model.safetensors')
    tensors = {name.replace(old, new): tensor for name, tensor in tensors.items()}
    save_tensors(tensors, folder / 'model.safetensors')
    facts = json.loads((folder / 'config.json').read_text())
    (folder / 'config.json').write_text(json.dumps({**facts, 'action_domains': [new]}))
    return folder


def test_a_discrete_checkpoint_is_described(capsys):
    lines = report(capsys, GOLDEN / 'disc_concat_modulate')
    assert lines['kind'] == ['discrete, 2 factors of 8']
    assert lines['trunk'] == ['3 layers, 4 heads, width 32']
    assert lines['step'] == ['16 tokens, 20 with its action']
    assert lines['window'] == ['6 steps']
    assert lines['actions'] == ['concat+modulate']
    assert lines['forward'] == ['yes']
    assert lines['stem'] == [
        'franka: 7 numbers x stride 2, rate unknown',
        'aloha: 14 numbers x stride 1, rate unknown',
    ]


def test_a_continuous_checkpoint_is_described(capsys):
    lines = report(capsys, GOLDEN / 'mar_concat_modulate')
    assert lines['kind'] == ['continuous, patches of 2 x 2 of 4 channels']


def test_rates_of_steps_come_from_the_table_of_data_sets(capsys, tmp_path):
    # Recorded at 6 Hz, for which the stride should be 3; it is 2 in the checkpoint.
    lines = report(capsys, renamed(tmp_path / 'other', 'franka', 'robomimic'))
    assert lines['stem'] == [
        'robomimic: 3 numbers x stride 2, 3 steps/s of 6 Hz (stride 3 expected)'
    ]
    lines = report(
        capsys, renamed(tmp_path / 'right', 'franka', 'berkeley_mvp_converted_externally_to_rlds')
    )
    assert lines['stem'][0].endswith('3 numbers x stride 2, 2.5 steps/s of 5 Hz')


@pytest.mark.parametrize(
    ('stem', 'text'),
    [
        ('language_table', 'x stride 1, 10 steps/s of 10 Hz'),
        ('bridge_data_v2', 'x stride 1, 5 steps/s of 5 Hz'),
        ('kuka', 'x stride 1, rate unknown'),
    ],
)
def test_a_stem_has_the_rate_of_its_data_where_the_table_has_another(stem, text):
    assert _stem(Domain(stem, 1, (0.0,) * 3, (1.0,) * 3)).endswith(text)


def test_a_policy_without_trained_heads_is_refused_with_the_reason(capsys, tmp_path):
    folder = GOLDEN / 'disc_modulate_video'
    assert report(capsys, folder)['policy'] == [
        'no: its action heads were never trained (jointly_predict_actions: false)'
    ]
    bundle = tmp_path / 'bundle'
    assert main(['import-checkpoint', str(folder), str(bundle), '--require', 'policy']) == 2
    error = capsys.readouterr().err
    assert 'cannot be used for policy: its action heads were never trained' in error
    assert not bundle.exists()


def test_a_bundle_that_could_not_act_is_refused_for_a_policy(capsys, tmp_path):
    folder = GOLDEN / 'disc_modulate'
    assert report(capsys, folder)['policy'] == [
        'checkpoint: yes, but in training it was shown the actions that it was to predict; '
        "bundle: no: its blocks need the action of every step (upstream's)"
    ]
    assert main(['import-checkpoint', str(folder), '--require', 'policy']) == 0
    bundle = tmp_path / 'bundle'
    assert main(['import-checkpoint', str(folder), str(bundle), '--require', 'policy']) == 2
    error = capsys.readouterr().err
    assert f'{folder}, as a bundle: cannot be used for policy: its blocks need' in error
    assert not bundle.exists()


def test_a_bundle_is_written_and_proven(capsys, tmp_path):
    bundle = tmp_path / 'bundle'
    folder = GOLDEN / 'disc_concat'
    sizes = {'width': 16, 'detail_width': 8, 'encoder_blocks': 1, 'decoder_blocks': 1}
    tokens = TokenizerConfig(image_size=16, patch=8, factors=2, levels=4, **sizes)
    save_tokenizer(FrameTokenizer(tokens), tmp_path / 'tokenizer')
    beside = ['--stem', 'franka', '--tokenizer', str(tmp_path / 'tokenizer'), '--torch']
    beside += ['--frames', str(write_images(tmp_path / 'images'))]
    assert main(['import-checkpoint', str(folder), str(bundle), *beside]) == 0
    manifest = Manifest.read(bundle)
    manifest.verify()
    assert (manifest.kind, manifest.compat) == ('discrete', 'upstream')
    assert list(manifest.stems) == ['franka']
    assert manifest.frames == FrameFacts('levels', 16, 1.0)
    graphs = {'encoder.onnx', 'decoder.onnx', 'decoder_int8.onnx'}
    assert graphs | {'model.safetensors'} <= set(manifest.files)
    assert manifest.robots == {}
    assert manifest.parity['largest_relative_error'] < 1e-5
    written, proven, *codec = capsys.readouterr().out.splitlines()[-5:]
    assert written == f'{bundle}: policy, forward, passive, full of franka'
    assert proven.startswith('against the checkpoint: relative error ')
    assert proven.endswith(
        '(at most 0.001 allowed), equal choices 100 % (at least 99.9 % required)'
    )
    # Images may differ by a level of 255: they have a tolerance of their own.
    assert [line.partition(' error')[0] for line in codec] == [
        'encoder against the tokenizer: relative',
        'decoder against the tokenizer: relative',
        'decoder_int8 against the tokenizer: relative',
    ]
    for parity in manifest.codec_parity.values():
        assert parity['largest_relative_error'] <= parity['tolerated_relative_error']


def write_images(folder):
    """Write two smooth images."""
    folder.mkdir()
    ramp = np.linspace(0, 255, 32).astype(np.uint8)
    for name, rgb in (('a', ramp[:, None]), ('b', ramp[None])):
        image = np.broadcast_to(rgb[..., None], (32, 32, 3))
        Image.fromarray(np.ascontiguousarray(image)).save(folder / f'{name}.png')
    return folder


@pytest.mark.parametrize('targets', [[], ['bundle']])
def test_an_unknown_stem_is_refused(capsys, tmp_path, targets):
    folders = [str(GOLDEN / 'disc_concat'), *(str(tmp_path / name) for name in targets)]
    arguments = [*folders, '--stem', 'toaster']
    assert main(['import-checkpoint', *arguments]) == 2
    assert "stem: got 'toaster', expected one of franka" in capsys.readouterr().err


def test_a_tokenizer_or_robot_that_does_not_fit_is_refused(capsys, tmp_path):
    save_tokenizer(FrameTokenizer(TokenizerConfig()), tmp_path / 'tokenizer')
    planar = (embodiment_folder() / 'sim_planar.yaml').read_text()
    other = tmp_path / 'sim_planar.yaml'
    other.write_text(planar.replace('stem: planar_push', 'stem: franka'))
    for beside, sentence in (
        (['--tokenizer', str(tmp_path / 'tokenizer')], 'expected 4 tokens of 2 factors of 4, as'),
        (
            ['--embodiment', 'sim_planar'],
            "--embodiment sim_planar: stem: got 'planar_push', expected one of franka",
        ),
        (
            ['--embodiment', str(other)],
            'got sim_planar of 2 numbers (x, y) x stride 1, expected a robot of 3 x 2',
        ),
    ):
        arguments = [str(GOLDEN / 'disc_concat'), str(tmp_path / 'bundle'), *beside]
        assert main(['import-checkpoint', *arguments]) == 2
        assert sentence in capsys.readouterr().err
    assert not (tmp_path / 'bundle').exists()


def test_an_incomplete_folder_is_refused(capsys, tmp_path):
    assert main(['import-checkpoint', str(tmp_path)]) == 2
    assert 'config.json' in capsys.readouterr().err


@pytest.mark.parametrize('name', ['model.safetensors', 'config.json'])
def test_a_file_of_a_checkpoint_is_refused_for_its_folder(capsys, name):
    path = GOLDEN / 'disc_concat' / name
    assert main(['import-checkpoint', str(path)]) == 2
    said = capsys.readouterr().err
    assert f'{path}: got a file, expected a folder with config.json and model' in said
    assert f'; give {path.parent}' in said
    assert 'hf download' not in said


def two_robots(folder: Path, write_released) -> tuple[Path, Path]:
    """A checkpoint of two stems, one of which serves the planar robot; and its embodiment."""
    spec = yaml.safe_load((embodiment_folder() / 'sim_planar.yaml').read_text())
    spec['stem'] = 'franka'
    embodiment = folder / 'sim_planar.yaml'
    embodiment.write_text(yaml.safe_dump(spec))
    torch.manual_seed(0)
    model = DiscreteHma(
        HmaConfig(
            layers=1,
            heads=2,
            width=16,
            window=4,
            positions=16,
            action_tokens=2,
            factor_size=8,
            qk_norm=False,
            domains=(
                Domain('aloha', 2, (0.0,) * 3, (1.0,) * 3),
                Domain('franka', 1, (0.3, 0.3), (0.1, 0.1)),
            ),
            compat=Compat.UPSTREAM,
        )
    )
    return write_released(model, folder / 'two'), embodiment


def test_with_an_embodiment_only_its_stem_is_in_the_bundle(tmp_path, write_released):
    folder, embodiment = two_robots(tmp_path, write_released)
    bundle = tmp_path / 'bundle'
    arguments = [str(folder), str(bundle), '--embodiment', str(embodiment), '--torch']
    assert main(['import-checkpoint', *arguments]) == 0
    manifest = Manifest.read(bundle)
    assert list(manifest.stems) == list(manifest.robots) == ['franka']
    assert not [name for name in manifest.files if 'aloha' in name]
    assert not [name for name in load_tensors(bundle / 'model.safetensors') if 'aloha' in name]


@pytest.mark.parametrize(
    ('arguments', 'sentence'),
    [
        (['--stem', 'toaster'], "stem: got 'toaster', expected one of franka"),
        (['--embodiment', 'nobody'], 'nobody'),
        (['--tokenizer', 'missing.ckpt'], 'missing.ckpt: got no such file or folder'),
        (['--frames', 'docs/images'], 'got no --tokenizer, expected one, whose decoder'),
        (['--mask-steps', '2000'], 'mask_steps: got 2000, expected 1 to 1000'),
        (['--denoise-steps', '4'], 'denoise_steps: got 4, expected none for a discrete model'),
        (['--temperature', '-1'], 'temperature: got -1.0, expected 0 or more'),
        (['--guidance', '0.5'], 'guidance: got 0.5, expected 1 to 10; 1 is none'),
    ],
)
def test_arguments_are_checked_before_weights_are_read(
    capsys, monkeypatch, tmp_path, arguments, sentence
):
    monkeypatch.setattr(WeightFiles, 'read', lambda *_: pytest.fail('weights were read'))
    folders = [str(GOLDEN / 'disc_concat'), str(tmp_path / 'bundle')]
    assert main(['import-checkpoint', *folders, *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_frames_of_another_size_are_refused_before_weights_are_read(
    capsys, monkeypatch, tmp_path, write_released
):
    monkeypatch.setattr(WeightFiles, 'read', lambda *_: pytest.fail('weights were read'))
    folder, embodiment = two_robots(tmp_path, write_released)
    tokenizer = tmp_path / 'magvit2.safetensors'
    tokenizer.touch()
    arguments = [str(folder), str(tmp_path / 'bundle'), '--tokenizer', str(tokenizer)]
    assert main(['import-checkpoint', *arguments, '--embodiment', str(embodiment)]) == 2
    assert (
        f'--embodiment {embodiment}: camera.resize: got [128, 128], expected [256, 256], the '
        f'frames of {tokenizer}'
    ) in capsys.readouterr().err


def test_the_size_of_frames_is_known_without_their_tokenizers_weights(tmp_path):
    config = HmaConfig(layers=1, heads=2, width=16, window=4, positions=1024)
    ours, svd = tmp_path / 'ours', tmp_path / 'svd'
    save_tokenizer(FrameTokenizer(TokenizerConfig(image_size=64)), ours)
    svd.mkdir()
    assert frame_pixels(svd, config) is None
    (svd / 'config.json').write_text('{"block_out_channels": [128, 256, 512, 512]}')
    assert (frame_pixels(ours, config), frame_pixels(svd, config)) == (64, 256)


def test_nothing_is_left_of_an_import_on_sigterm(monkeypatch, tmp_path):
    def end(*_):
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr('hma_ros.export.bundle.write_facts', end)
    with pytest.raises(SystemExit, match='143'):
        main(['import-checkpoint', str(GOLDEN / 'disc_concat'), str(tmp_path / 'bundle')])
    assert not list(tmp_path.iterdir())


def test_bad_output_place_is_refused_before_reading(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(WeightFiles, 'read', lambda *_: pytest.fail('weights were read'))
    (tmp_path / 'thesis.pdf').touch()
    assert main(['import-checkpoint', str(GOLDEN / 'disc_concat'), str(tmp_path)]) == 2
    assert 'thesis.pdf is no part of a bundle' in capsys.readouterr().err


def test_a_place_that_nothing_can_be_written_to_is_named_as_it_was_given(capsys, monkeypatch):
    monkeypatch.setattr(WeightFiles, 'read', lambda *_: pytest.fail('weights were read'))
    assert main(['import-checkpoint', str(GOLDEN / 'disc_concat'), '/proc/x']) == 2
    said = capsys.readouterr().err
    assert '/proc/x: got /proc, which cannot be written, expected a folder that can be' in said
    assert '/.x.' not in said


def test_a_folder_of_the_cache_and_an_older_configuration_are_taken(capsys, tmp_path):
    """What an older file lacks is taken from the authors' code, and said."""
    cache = tmp_path / 'models--liruiw--hma-base-disc'
    blobs, snapshot = cache / 'blobs', cache / 'snapshots' / 'abc123'
    for folder in (blobs, snapshot, cache / 'snapshots' / 'def456', cache / 'refs'):
        folder.mkdir(parents=True)
    (cache / 'refs' / 'main').write_text('abc123')
    facts = json.loads((GOLDEN / 'disc_concat' / 'config.json').read_text())
    for key in ('use_mup', 'drop_action_ratio'):
        del facts[key]
    (blobs / 'one').write_text(json.dumps(facts))
    shutil.copy(GOLDEN / 'disc_concat' / 'model.safetensors', blobs / 'two')
    (snapshot / 'config.json').symlink_to(blobs / 'one')
    (snapshot / 'model.safetensors').symlink_to(blobs / 'two')
    assert main(['import-checkpoint', str(cache)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == str(snapshot)
    assert (
        'defaults     use_mup False, drop_action_ratio 0.0 '
        "(not in config.json: the authors' defaults)" in lines
    )
    for beside in (tmp_path, cache / 'snapshots', cache / 'blobs'):
        assert main(['import-checkpoint', str(beside)]) == 2
        assert f'expected that checkpoint; give {cache}\n' in capsys.readouterr().err


def test_decoding_is_recommended_by_the_bundle(tmp_path):
    bundle = tmp_path / 'bundle'
    chosen = ['--mask-steps', '3', '--temperature', '0.5', '--unmasking', 'random']
    arguments = [str(GOLDEN / 'disc_concat'), str(bundle), *chosen]
    assert main(['import-checkpoint', *arguments]) == 0
    assert Manifest.read(bundle).decoding == Decoding(3, 16, 0.5, 'random', 1.0)


def test_guidance_is_for_models_whose_actions_can_be_masked(capsys, tmp_path):
    bundle = tmp_path / 'bundle'
    assert main(['import-checkpoint', str(GOLDEN / 'disc_concat'), str(bundle), *GUIDED]) == 0
    assert Manifest.read(bundle).guidance == 2.0
    modulated = str(GOLDEN / 'disc_concat_modulate')
    assert main(['import-checkpoint', modulated, str(tmp_path / 'other'), *GUIDED]) == 2
    said = capsys.readouterr().err
    assert 'guidance: got 2.0, expected 1 for a model that does not support' in said
    assert 'leave guidance out' in said
    assert 'no released checkpoint does' in said


def test_the_help_speaks_of_what_an_import_has(capsys):
    with pytest.raises(SystemExit):
        main(['import-checkpoint', '--help'])
    said = ' '.join(capsys.readouterr().out.split())
    assert '(default: 1)' in said
    assert 'bundle that is read' not in said
