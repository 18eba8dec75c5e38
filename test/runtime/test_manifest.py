# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A bundle that is not what was exported is refused, and the error says why."""

import json
import shutil

import pytest

from hma_ros.core.errors import BundleError
from hma_ros.runtime.manifest import Manifest
from hma_ros.runtime.manifest_file import read_facts, write_facts
from hma_ros.runtime.world_model import WorldModel


@pytest.fixture
def copy(bundle, tmp_path):
    return shutil.copytree(bundle, tmp_path / 'copy')


def edit(copy, **facts):
    write_facts(copy, {**read_facts(copy), **facts})


def test_shipped_bundle_serves_the_four_simulated_robots(bundle):
    manifest = Manifest.read(bundle)
    manifest.verify()
    assert {stem.trained_on for stem in manifest.robots.values()} == {'simulation'}
    assert {name: stem.embodiment for name, stem in manifest.robots.items()} == {
        'franka_pick': 'sim_franka',
        'ur5e_push': 'sim_ur5e',
        'so101_reach': 'sim_so101',
        'planar_push': 'sim_planar',
    }
    assert manifest.robots['franka_pick'].action_dim == 4


def test_shipped_bundle_is_small(bundle):
    assert sum(path.stat().st_size for path in bundle.iterdir()) < 25e6


def test_missing_bundle(tmp_path):
    with pytest.raises(BundleError, match='no such folder, expected one holding manifest.json'):
        Manifest.read(tmp_path / 'nothing')


def test_tampered_file(copy):
    path = copy / 'weights.bin'
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(BundleError, match=r'weights\.bin: sha256 .*was changed after'):
        WorldModel(copy, 'franka_pick')


@pytest.mark.parametrize('spoil', [lambda text: text + '}', lambda text: text[:-9]])
def test_a_damaged_manifest_says_so(copy, spoil):
    path = copy / 'manifest.json'
    path.write_text(spoil(path.read_text()))
    with pytest.raises(BundleError, match='no JSON from line .*damaged.*; copy the bundle again'):
        Manifest.read(copy)


def test_missing_file(copy):
    (copy / 'decoder.onnx').unlink()
    with pytest.raises(BundleError, match='decoder.onnx: missing, expected the file listed'):
        WorldModel(copy, 'franka_pick')


def test_unknown_stem_lists_those_there_are(bundle):
    message = r"no stem 'aloha', expected .*franka_pick.*; choose another .* make one: fine-tune"
    with pytest.raises(BundleError, match=message):
        WorldModel(bundle, 'aloha')


def test_another_format(copy):
    edit(copy, format=99)
    with pytest.raises(
        BundleError, match='manifest.json: format: got 99, expected 4; renew it: hma export'
    ):
        Manifest.read(copy)


@pytest.mark.parametrize(
    ('old', 'new'),
    [('"stride": 2', '"stride": 3'), ('"simulation"', '"robot"'), ('"digest"', '"dig"')],
)
def test_facts_that_were_edited(copy, old, new):
    path = copy / 'manifest.json'
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(BundleError, match=r'manifest.json: digest .* was changed after export'):
        Manifest.read(copy)


def test_spaces_and_order_are_no_facts(copy):
    path, before = copy / 'manifest.json', Manifest.read(copy)
    facts = json.loads(path.read_text())
    path.write_text(json.dumps(dict(reversed(facts.items()))))
    assert Manifest.read(copy) == before


@pytest.mark.parametrize('text', ['{', '[]', 'null', '{}', '\xff', '[' * 100_000])
def test_malformed_manifest(copy, text):
    (copy / 'manifest.json').write_text(text, 'latin1')
    with pytest.raises(BundleError, match='expected the manifest of a bundle'):
        Manifest.read(copy)


def test_file_name_that_leaves_the_bundle(copy):
    edit(copy, files={'../../etc/passwd': 'a'})
    with pytest.raises(BundleError, match="'../../etc/passwd'.* a hash by a plain file name"):
        Manifest.read(copy)


@pytest.mark.parametrize('change', [{'layers': '3'}, {'window': 0}, {'files': {'a.onnx': 1}}])
def test_facts_of_another_kind(copy, change):
    edit(copy, **change)
    with pytest.raises(
        BundleError, match='expected (a whole number from 0|at least 1|a hash by a plain)'
    ):
        Manifest.read(copy)


def test_file_that_was_put_there_later(copy):
    (copy / 'notes.txt').write_text('mine')
    with pytest.raises(BundleError, match=r'no hash of notes.txt, expected it in files'):
        Manifest.read(copy).verify()


def test_what_a_file_manager_leaves_is_no_part_of_it(copy):
    (copy / '.DS_Store').touch()
    assert Manifest.read(copy).verify() is None


def test_file_that_cannot_be_read(copy, monkeypatch):
    def refuse(path):
        raise PermissionError(13, 'Permission denied')

    monkeypatch.setattr('hma_ros.runtime.manifest_file.sha256', refuse)
    with pytest.raises(BundleError, match=r'onnx: .*Permission denied; expected a file that can'):
        Manifest.read(copy).verify()


def test_graph_without_a_hash(copy):
    files = read_facts(copy)['files']
    del files['stem_franka_pick.onnx']
    edit(copy, files=files)
    with pytest.raises(BundleError, match='no hash of stem_franka_pick.onnx'):
        WorldModel(copy, 'franka_pick')


@pytest.mark.parametrize(
    ('facts', 'message'),
    [
        ({'stride': float('inf')}, 'expected a stride of at least 1'),
        ({'stride': 2.5}, 'expected a stride of at least 1'),
        ({'mean': [0.0, float('nan')]}, 'mean or std (nan|inf), expected finite numbers'),
        ({'std': [1.0, float('inf')]}, 'mean or std (nan|inf), expected finite numbers'),
        ({'std': [1.0, 10**400]}, 'OverflowError.* expected the manifest of a bundle'),
    ],
)
def test_action_statistics_that_are_no_numbers(copy, facts, message):
    stems = read_facts(copy)['stems']
    stems['planar_push'].update(facts)
    edit(copy, stems=stems)
    with pytest.raises(BundleError, match=message):
        Manifest.read(copy)


@pytest.mark.parametrize(
    ('facts', 'message'),
    [
        ({'trained_on': 'Simulation'}, "trained_on 'Simulation', expected simulation or robot"),
        ({'lower': [0.0]}, 'expected a stride of at least 1 and a bound for each of'),
        ({'stride': 0}, 'expected a stride of at least 1'),
        ({'upper': [0.2, float('nan')]}, 'upper nan, expected finite bounds in this order'),
        ({'lower': [0.5, -0.2], 'upper': [0.2, 0.2]}, 'lower 0.5 and upper 0.2, expected finite'),
        ({'joint_motion': 'up'}, "joint_motion 'up', expected one of"),
    ],
)
def test_stem_with_impossible_facts(copy, facts, message):
    stems = read_facts(copy)['stems']
    stems['planar_push']['robot'].update(facts)
    edit(copy, stems=stems)
    with pytest.raises(BundleError, match=message):
        Manifest.read(copy)
