# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Bundles: proven, shared, and refused when they are not what they were."""

import json
import shutil
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from hma_ros.core.errors import BundleError, ConfigError, InferenceError
from hma_ros.export.bundle import TOLERANCES, BundleOptions, export_bundle
from hma_ros.export.replace import replacing
from hma_ros.network.checkpoint import load_released
from hma_ros.runtime.manifest import Manifest
from hma_ros.runtime.manifest_file import read_facts, write_facts
from hma_ros.runtime.model import Model, TrunkStep
from hma_ros.runtime.providers import Execution

GOLDEN = Path(__file__).parents[1] / 'data' / 'golden'


@pytest.fixture
def network():
    return load_released(GOLDEN / 'disc_concat')


@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    model = load_released(GOLDEN / 'disc_concat')
    return export_bundle(model, tmp_path_factory.mktemp('exported') / 'bundle')


@pytest.fixture
def copied(exported, tmp_path):
    return shutil.copytree(exported, tmp_path / 'copied')


def test_the_proof_is_in_the_manifest(exported):
    folder = exported
    parity = read_facts(folder)['parity']
    assert 0 <= parity['largest_relative_error'] <= parity['tolerated_relative_error'] == 1e-3
    assert parity['least_agreement'] == 1


def test_integers_are_proven_within_a_tolerance_of_their_own(network, tmp_path):
    exact = export_bundle(network, tmp_path / 'fp32')
    cheap = export_bundle(network, tmp_path / 'int8', BundleOptions(precision='int8'))
    manifest = Manifest.read(cheap)
    assert manifest.precision == 'int8'
    assert 0 < manifest.parity['relative_deviation'] <= TOLERANCES['int8'].deviation
    operators = [node.op_type for node in onnx.load(cheap / 'trunk_franka.onnx').graph.node]
    assert 'DynamicQuantizeLinear' in operators
    assert operators.count('MultiHeadAttention') == network.config.layers
    assert 'DynamicQuantizeLinear' not in {
        node.op_type for node in onnx.load(exact / 'trunk_franka.onnx').graph.node
    }


def test_what_stems_share_is_stored_once(tmp_path):
    network = load_released(GOLDEN / 'disc_concat_modulate')
    sizes = []
    for stems in (('franka',), ('franka', 'aloha')):
        folder = export_bundle(network, tmp_path / '_'.join(stems), BundleOptions(stems=stems))
        sizes.append((folder / 'weights.bin').stat().st_size)
    assert sizes[0] < sizes[1] < 1.5 * sizes[0]


def test_changed_weights_are_refused(copied):
    folder = copied
    path = folder / 'weights.bin'
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    with pytest.raises(BundleError, match=r'weights\.bin: sha256 .*changed after export'):
        Model(folder, 'franka', Execution(provider='cpu'))


def test_a_bundle_that_is_not_proven_replaces_nothing(network, copied, monkeypatch):
    folder = copied
    before = (folder / 'manifest.json').read_text()
    nothing = TOLERANCES['fp32'].__class__(error=0.0, deviation=0.0, agreement=1.0)
    monkeypatch.setitem(TOLERANCES, 'fp32', nothing)
    with pytest.raises(BundleError, match='relative error'):
        export_bundle(network, folder, BundleOptions(mask_steps=7))
    assert (folder / 'manifest.json').read_text() == before


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'precision': 'fp64'}, 'precision: .*fp64.*, expected one of fp32'),
        ({'stems': ('toaster',)}, "stem: got 'toaster', expected one of franka"),
    ],
)
def test_what_cannot_be_exported_is_said_before_anything_is_written(
    network, tmp_path, options, message
):
    with pytest.raises(ConfigError, match=message):
        export_bundle(network, tmp_path / 'bundle', BundleOptions(**options))
    assert not list(tmp_path.iterdir())


def test_past_steps_that_change_cannot_be_kept(tmp_path):
    network = load_released(GOLDEN / 'disc_cross_attention')
    with pytest.raises(ConfigError, match='mixes past and future steps'):
        export_bundle(network, tmp_path / 'bundle')


@pytest.mark.parametrize('shown', ['noact', 'actmask'])
def test_actions_masked_in_tokens_alone_are_those_of_the_research_code(network, tmp_path, shown):
    """A published policy that was never shown its answer acts, as the released code does."""
    model = Model(export_bundle(network, tmp_path / 'b'), 'franka', Execution(provider='cpu'))
    assert model.manifest.policy_refusal == ''
    with np.load(GOLDEN / 'disc_concat' / 'golden.npz') as golden:
        ids = golden['tokens_masked'][:1].reshape(1, 4, 4)
        unknown = golden['action_mask/franka'][0] if shown == 'actmask' else np.ones(4)
        actions, expected = golden['actions_in/franka'], golden[f'actions_out_{shown}/franka'][:1]
    factors = network.factorise(torch.from_numpy(ids)).numpy()
    masked = ids == network.mask_id
    steps = [
        TrunkStep(factors[:, i], masked[:, i], None if unknown[i] else actions[:1, i])
        for i in range(4)
    ]
    found = np.stack(
        [model.run(model.kv_cache(), 0, steps[: i + 1])['chunk'] for i in range(4)], 1
    )
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_a_masked_action_is_refused_where_the_model_must_see_it(copied):
    assert not load_released(GOLDEN / 'disc_modulate').config.hides_actions
    write_facts(copied, {**read_facts(copied), 'hides_actions': False})
    model = Model(copied, 'franka', Execution(provider='cpu'))
    step = TrunkStep.seen(np.zeros((1, model.manifest.image_tokens, 2), np.int64), None)
    with pytest.raises(InferenceError, match='chunk: masked, expected the action of every step'):
        model.run(model.kv_cache(), 0, [step])


@pytest.mark.parametrize('facts', [{'files': ['src']}, {'files': {'src': 'a'}}])
def test_a_manifest_of_something_else_makes_no_bundle(network, tmp_path, facts):
    (tmp_path / 'src').mkdir()
    (tmp_path / 'src/main.c').write_text('mine')
    (tmp_path / 'manifest.json').write_text(json.dumps(facts))
    with pytest.raises(ConfigError, match='is no part of a bundle'):
        export_bundle(network, tmp_path)
    assert (tmp_path / 'src/main.c').read_text() == 'mine'


def test_what_is_put_there_during_an_export_stays(tmp_path):
    notes = tmp_path / 'bundle/notes.txt'
    with ExitStack() as export:
        export.enter_context(replacing(notes.parent))
        notes.parent.mkdir()
        notes.write_text('mine')
        with pytest.raises(ConfigError, match=r'notes.txt is no part'):
            export.close()
    assert notes.read_text() == 'mine'


def test_a_place_where_nothing_can_be_made_is_named(network, tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(ConfigError, match='file/bundle: .*expected a folder that can be made'):
        export_bundle(network, tmp_path / 'file/bundle')


def test_a_bundle_is_there_whatever_happens(tmp_path, monkeypatch):
    def refuse(path, target):
        if path.name == 'new':
            raise PermissionError(13, 'Permission denied')
        return move(path, target)

    move, folder = Path.rename, tmp_path / 'bundle'
    folder.mkdir()
    before = folder.stat().st_ino
    monkeypatch.setattr(Path, 'rename', refuse)
    with pytest.raises(ConfigError, match='can be replaced'), replacing(folder):
        pass
    assert folder.stat().st_ino == before
    assert [path.name for path in tmp_path.iterdir()] == ['bundle']


def test_links_are_left_alone(tmp_path):
    link, there = tmp_path / 'current', tmp_path / 'v1'
    there.mkdir()
    link.symlink_to(there)
    with pytest.raises(ConfigError, match='a file or link'), replacing(link):
        pass
    assert there.is_dir()


def test_nothing_but_a_bundle_is_replaced(network, tmp_path):
    notes = tmp_path / 'bundle' / 'notes.txt'
    notes.parent.mkdir()
    for _ in ('an empty folder', 'a bundle'):
        assert export_bundle(network, notes.parent) == notes.parent
    notes.write_text('mine')
    for folder in (notes, notes.parent, notes.parent.parent):
        with pytest.raises(ConfigError, match='expected a '):
            export_bundle(network, folder)
    assert notes.read_text() == 'mine'
    notes.unlink()
    assert Manifest.read(notes.parent).verify() is None
    assert [path.name for path in tmp_path.iterdir()] == ['bundle']


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'window': 3}, r"past_index': got \[\d+\], expected \[2\]"),
        ({'factor_size': 5}, r"output 'logits': got .*, expected \[None, None, 4, 2, 5\]"),
        ({'image_tokens': 5}, "'tokens'"),
        ({'layers': 3}, "'past_key_2': got none"),
        ({'time': 'rotary'}, "input 'rotation': got none"),
        ({'patch_size': 2, 'kind': 'continuous'}, "output 'z': got none"),
    ],
)
def test_graphs_that_the_manifest_contradicts_are_refused(copied, monkeypatch, change, message):
    monkeypatch.setattr('hma_ros.runtime.engine.library', lambda: None)
    write_facts(copied, {**read_facts(copied), **change})
    with pytest.raises(BundleError, match=message):
        Model(copied, 'franka', Execution(provider='cpu'))


@pytest.mark.parametrize('place', ['stem_franka', 'enter_franka', 'leave_franka'])
def test_a_graph_in_the_place_of_another_is_refused(copied, place):
    folder = copied
    if not (folder / f'{place}.onnx').exists():
        pytest.skip('compiled layers: none here, so nothing goes around them')
    shutil.copy(folder / 'append.onnx', folder / f'{place}.onnx')
    facts = read_facts(folder)
    facts['files'][f'{place}.onnx'] = facts['files']['append.onnx']
    write_facts(folder, facts)
    with pytest.raises(BundleError, match=rf'{place}\.onnx: .* got none, expected'):
        Model(folder, 'franka', Execution(provider='cpu'))


def test_a_file_that_was_put_there_later_is_refused(copied):
    folder = copied
    facts = read_facts(folder)
    del facts['files']['weights.bin']
    write_facts(folder, facts)
    with pytest.raises(BundleError, match=r'no hash of weights\.bin, expected it in files'):
        Model(folder, 'franka', Execution(provider='cpu'))
