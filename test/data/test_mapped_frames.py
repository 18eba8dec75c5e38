# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Frames that a data set keeps compressed can be read in any order."""

from pathlib import Path

import numpy as np
from test_imported_episodes import write

from hma_ros.data.imported_episodes import ImportedEpisodes, open_episodes
from hma_ros.data.mapped_frames import mapped_frames


def test_all_frames_are_there_also_of_what_is_no_demonstration(tmp_path: Path) -> None:
    folder = write(tmp_path / 'set', [True, False, None])
    every = ImportedEpisodes(folder, every=True)
    assert len(every) == 3 > len(open_episodes(folder))
    assert every.fingerprint != open_episodes(folder).fingerprint
    out = tmp_path / 'out'
    out.mkdir()
    videos = mapped_frames(every, out)
    for episode, video in zip(every, videos, strict=True):
        assert np.array_equal(np.stack(list(episode.frames)), video)
    # Nothing is left behind.
    assert not list(out.iterdir())
