# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Episodes on disk."""

import json
from dataclasses import replace

import numpy as np
import pytest

from hma_ros.core.errors import ConfigError
from hma_ros.data.episodes import Episode, EpisodeDataset, EpisodeWriter
from hma_ros.data.shards import find_shards

NAMES = ('x', 'y')


def make(steps, seed=0):
    rng = np.random.default_rng(seed)
    return Episode(
        rng.integers(256, size=(steps + 1, 8, 8, 3)).astype(np.uint8),
        rng.normal(size=(steps, 2, 2)).astype(np.float32),
        rng.normal(size=(steps, 2, 2)).astype(np.float32),
        rng.normal(size=(steps + 1, 3)).astype(np.float32),
        rng.normal(size=(steps + 1, 4)).astype(np.float32),
        'expert',
        seed,
        seed % 2 == 0,
    )


def write(folder, episodes, embodiment='sim_planar'):
    with EpisodeWriter(folder, embodiment, 20.0, 2, NAMES, ('a', 'b', 'c', 'd')) as writer:
        for episode in episodes:
            writer.add(episode)
    return folder


def test_what_was_written_is_read_back_over_several_folders(tmp_path):
    episodes = [make(3, 0), make(5, 1), make(2, 2)]
    folders = [write(tmp_path / 'a', episodes[:2]), write(tmp_path / 'b', episodes[2:])]
    dataset = EpisodeDataset(folders)
    assert len(dataset) == 3
    assert dataset.stride == 2
    assert dataset.metadata['hz'] == 10.0
    for expected, found in zip(episodes, dataset, strict=True):
        for name in ('frames', 'actions', 'labels', 'joints', 'states'):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        assert (found.kind, found.seed, found.success) == (
            'expert',
            expected.seed,
            expected.success,
        )


def test_layout_is_that_of_the_published_raw_image_folders(tmp_path):
    folder = write(tmp_path / 'a', [make(3), make(1, 1)])
    segments = np.fromfile(folder / 'segment_ids.bin', np.int32)
    assert segments.tolist() == [0, 0, 0, 0, 1, 1]
    assert (folder / 'video.bin').stat().st_size == 6 * 8 * 8 * 3
    actions = np.fromfile(folder / 'actions/actions.bin', np.float32).reshape(6, 4)
    assert np.isnan(actions[[3, 5]]).all()
    assert np.isfinite(actions[[0, 1, 2, 4]]).all()


def test_a_folder_in_use_is_not_overwritten(tmp_path):
    folder = write(tmp_path / 'a', [make(2)])
    with pytest.raises(ConfigError, match='already holds episodes; expected a new folder'):
        write(folder, [make(2)])


def test_an_episode_of_another_size_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r'joints.bin: shape \(4,\), expected \(3,\)'):
        write(tmp_path / 'a', [make(2), replace(make(2), joints=np.zeros((3, 4)))])
    with pytest.raises(ConfigError, match='states.bin: episode has 5 entries, expected 3'):
        write(tmp_path / 'b', [replace(make(2), states=np.zeros((5, 4)))])


def test_a_truncated_file_is_named_with_both_sizes(tmp_path):
    folder = write(tmp_path / 'a', [make(3)])
    (folder / 'video.bin').write_bytes(b'123')
    with pytest.raises(ConfigError, match='video.bin: got 3 bytes, expected 768 for 4 frames'):
        EpisodeDataset([folder])


def test_broken_metadata_is_named(tmp_path):
    folder = write(tmp_path / 'a', [make(3)])
    (folder / 'metadata.json').write_text(json.dumps({'episodes': [{'nonsense': 1}]}))
    with pytest.raises(ConfigError, match='metadata.json: .*expected the metadata of an episode'):
        EpisodeDataset([folder])


def test_folders_of_two_embodiments_do_not_mix(tmp_path):
    folders = [write(tmp_path / 'a', [make(2)]), write(tmp_path / 'b', [make(2)], 'sim_ur5e')]
    with pytest.raises(ConfigError, match='b: embodiment: got sim_ur5e, expected sim_planar'):
        EpisodeDataset(folders)


@pytest.mark.parametrize(('fact', 'got'), [('hz', 5.0), ('action_names', ['y', 'x'])])
def test_folders_of_other_rates_or_actions_do_not_mix(tmp_path, fact, got):
    folders = [write(tmp_path / name, [make(2)]) for name in 'ab']
    path = tmp_path / 'b' / 'metadata.json'
    path.write_text(json.dumps({**json.loads(path.read_text()), fact: got}))
    with pytest.raises(ConfigError, match=f'b: {fact}: got .*, expected .* as in {folders[0]}'):
        EpisodeDataset(folders)


def test_frames_of_another_size_are_refused_before_they_are_used(tmp_path):
    dataset = EpisodeDataset([write(tmp_path / 'a', [make(3)])])
    dataset.check_frame_size(8, 'bundle')
    with pytest.raises(ConfigError) as error:
        dataset.check_frame_size(256, "bundle 'base'")
    assert str(error.value) == (
        f"{tmp_path / 'a'}: frames: got [8, 8], expected [256, 256] (size of bundle 'base'); "
        'record them again with camera.resize [256, 256], or choose another'
    )


def test_missing_episodes_say_how_to_make_them(tmp_path):
    with pytest.raises(ConfigError, match='got no episodes, .*; make them with .hma generate.'):
        find_shards(tmp_path, 'sim_planar', 'train')


def test_an_interrupted_recording_cannot_be_read_as_complete(tmp_path):
    def interrupted():
        yield make(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, interrupted())
    with pytest.raises(ConfigError, match='metadata.json'):
        EpisodeDataset([tmp_path])


@pytest.mark.parametrize('what', ['actions', 'labels', 'joints', 'states'])
def test_a_number_that_is_not_finite_is_refused_where_it_is_written(tmp_path, what):
    episode = make(3)
    getattr(episode, what)[1, 0] = np.inf
    with pytest.raises(ConfigError, match=f'episode 0: step 1: {what}: got inf'):
        write(tmp_path / 'a', [episode])


def test_a_number_that_is_not_finite_is_refused_where_it_is_read(tmp_path):
    folder = write(tmp_path / 'a', [make(3), make(2)])
    joints = np.fromfile(folder / 'joints.bin', np.float32).reshape(-1, 3)
    joints[5, 2] = np.nan
    joints.tofile(folder / 'joints.bin')
    dataset = EpisodeDataset([folder])
    assert dataset[0].steps == 3
    with pytest.raises(ConfigError, match='episode 1: step 1: joints: got nan'):
        dataset[1]


def test_other_frames_with_the_same_actions_have_another_fingerprint(tmp_path):
    same, other = make(3), replace(make(3), frames=make(3, 1).frames)
    folders = [write(tmp_path / name, [item]) for name, item in (('a', same), ('b', other))]
    first, again, second = (EpisodeDataset([folders[i]]).fingerprint for i in (0, 0, 1))
    assert first == again != second


def test_the_state_of_imagined_frames_alone_may_be_unknown(tmp_path):
    episode = replace(make(3), states=np.full((4, 4), np.nan, np.float32))
    with pytest.raises(ConfigError, match='step 0: states: got nan, expected a finite number'):
        write(tmp_path / 'a', [episode])
    (found,) = EpisodeDataset([write(tmp_path / 'b', [replace(episode, kind='imagined')])])
    assert np.isnan(found.states).all()
    with pytest.raises(ConfigError, match='joints: got nan'):
        write(tmp_path / 'c', [replace(found, joints=np.full((4, 3), np.nan))])
