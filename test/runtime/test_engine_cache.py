# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""An engine is used again only for what it was built for."""

from dataclasses import fields, replace
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from hma_ros.runtime.device import Gpu
from hma_ros.runtime.engine_cache import (
    EngineKey,
    Profile,
    default_engine_cache,
    hash_graph,
    make_folder,
)

PORTS = {'chunk': ('s17', 1, 8), 'known': ('s17', 1), 'scale': (4,)}
KEY = EngineKey(
    graph='trunk.onnx',
    sha256='ee67',
    gpu=Gpu('NVIDIA Jetson AGX Orin Orin', '8.7', 16),
    tensorrt='100300',
    onnxruntime='1.31.1',
    precision='fp32',
    profile=Profile.of(PORTS, 1),
)
CACHE = Path('/cache')
WORDS = st.text('abc019. ', min_size=1, max_size=4)
GPUS = st.builds(Gpu, WORDS, WORDS, st.integers(1, 200))
PROFILES = st.builds(
    Profile.of,
    st.dictionaries(WORDS, st.tuples(st.just('n'), st.integers(1, 3)), max_size=3),
    st.integers(1, 4),
)
KEYS = st.builds(EngineKey, WORDS, WORDS, GPUS, WORDS, WORDS, WORDS, PROFILES)


def test_folder_can_be_read_by_people():
    folder = KEY.folder(CACHE)
    assert folder.parent == CACHE / 'NVIDIA_Jetson_AGX_Orin_Orin_8.7'
    assert folder.name.startswith('trunk-')


def test_any_change_makes_another_folder():
    changed = {
        'graph': 'head.onnx',
        'sha256': 'ee68',
        'gpu': replace(KEY.gpu, processors=8),
        'tensorrt': '100400',
        'onnxruntime': '1.31.2',
        'precision': 'fp16',
        'profile': Profile.of(PORTS, 2),
    }
    assert set(changed) == {field.name for field in fields(EngineKey)}
    folders = {replace(KEY, **{name: value}).folder(CACHE) for name, value in changed.items()}
    assert len(folders | {KEY.folder(CACHE)}) == len(changed) + 1


@given(KEYS, KEYS)
def test_folders_are_equal_exactly_when_the_keys_are(first, second):
    assert (first.folder(CACHE) == second.folder(CACHE)) == (first == second)


@given(KEYS)
@example(replace(KEY, gpu=Gpu('.', ' ', 1)))
@example(replace(KEY, gpu=Gpu('', '..', 1)))
def test_folder_lies_two_below_the_cache_whatever_the_names(key):
    folder = key.folder(CACHE)
    assert folder.parent.parent == CACHE
    assert '..' not in folder.relative_to(CACHE).parts


def test_profile_ranges_over_what_is_not_fixed():
    profile = Profile.of(PORTS, 16)
    assert profile.options() == {
        'trt_profile_min_shapes': 'chunk:1x1x8,known:1x1',
        'trt_profile_opt_shapes': 'chunk:1x1x8,known:1x1',
        'trt_profile_max_shapes': 'chunk:16x1x8,known:16x1',
    }
    assert Profile.of({'scale': (4,)}, 16).options() == {}


def test_default_folder_is_in_the_users_cache():
    assert default_engine_cache({'XDG_CACHE_HOME': '/fast'}) == Path('/fast/hma_ros/engines')
    assert default_engine_cache({}) == Path.home() / '.cache' / 'hma_ros' / 'engines'


def test_weights_beside_a_graph_are_part_of_its_engine(tmp_path):
    """Two trainings give one graph: only the file of weights differs."""
    graph = tmp_path / 'trunk.onnx'
    graph.write_bytes(b'graph')
    (tmp_path / 'weights.bin').write_bytes(b'first training')
    before = hash_graph(graph)
    (tmp_path / 'head.onnx').write_bytes(b'another graph')
    (tmp_path / 'manifest.json').write_text('{}')
    assert hash_graph(graph) == before
    (tmp_path / 'weights.bin').write_bytes(b'second training')
    assert hash_graph(graph) != before


def test_only_the_owner_may_write_engines(tmp_path):
    folder = make_folder(tmp_path / 'gpu' / 'trunk')
    assert folder.stat().st_mode & 0o777 == 0o700
    assert make_folder(folder) == folder
