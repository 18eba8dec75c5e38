# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Users hear before they train whether a frame tokenizer shows what their camera sees."""

import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hma_ros.cli.main import main
from hma_ros.core.embodiment import EmbodimentSpec, load_embodiment
from hma_ros.data.drawn_frames import findings, reconstruction, summary
from hma_ros.data.imported_episodes import open_episodes
from hma_ros.data.lerobot_writer import LeRobotWriter
from hma_ros.data.steps import Step

SPEC = load_embodiment('sim_planar')


def write(folder: Path, spec: EmbodimentSpec) -> None:
    """Write a data set of one episode of four frames of noise."""
    writer, random = LeRobotWriter(folder, spec, 'push'), np.random.default_rng(0)
    file = writer.begin()
    for step in range(4):
        frame = random.integers(256, size=(*spec.camera.resize, 3)).astype(np.uint8)
        place = np.array([0.01 * step, 0.05], np.float32)
        file.add(Step(step * 10**8, frame, place, place[None]))
    writer.end(file, True)
    source = {'path': 'made up', 'sha256': ''}
    facts: dict[str, Any] = {
        'topics': {},
        'dropped_steps': {},
        'first_drop': None,
        'is_truncated': False,
    }
    writer.commit({'source': source, **facts})


def frames(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 200, (count, 16, 16, 3)).astype(np.uint8)


def test_the_pixels_of_all_episodes_count() -> None:
    episodes = [frames(count) for count in (1, 5, 40)]
    quality = reconstruction(lambda seen: seen + 10, episodes)
    assert quality.whole_db == pytest.approx(20 * np.log10(25.5))
    assert '28.1 dB PSNR' in summary(quality)
    assert findings(quality) == []


def test_a_tokenizer_that_loses_the_scene_is_a_finding_with_a_remedy() -> None:
    quality = reconstruction(lambda seen: seen + 30, [frames(3)])
    (finding,) = findings(quality)
    assert 'got 18.6 dB, expected 25 or more' in finding
    assert 'camera.crop' in finding


def test_a_thin_arm_that_is_lost_on_a_plain_wall_is_a_finding() -> None:
    wall = np.full((4, 64, 64, 3), 200, np.uint8)
    arm = wall.copy()
    for index in range(4):
        arm[index, :20, 10 * index : 10 * index + 2] = 90
    lost = reconstruction(lambda seen: wall[: len(seen)], [arm])
    assert lost.whole_db > 25
    assert lost.moving_db == pytest.approx(lost.still_db)
    (finding,) = findings(lost)
    assert 'dB where something moves, expected' in finding
    assert findings(reconstruction(lambda seen: seen, [arm])) == []


class Stream:
    """Frames that are decoded one by one; ``alive`` counts those still in use."""

    def __init__(self, count: int) -> None:
        self._count, self.most_alive = count, 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, item: object) -> bool:
        return False

    def __iter__(self) -> Iterator[np.ndarray]:
        alive = list[weakref.ref[np.ndarray]]()
        for _ in range(self._count):
            frame = np.zeros((16, 16, 3), np.uint8)
            alive = [item for item in alive if item() is not None] + [weakref.ref(frame)]
            self.most_alive = max(self.most_alive, len(alive))
            yield frame


def test_of_a_long_episode_only_the_compared_frames_are_kept() -> None:
    long = Stream(500)
    reconstruction(lambda seen: seen + 10, [long])
    assert long.most_alive < 8


def test_frames_of_a_data_set_are_counted_without_decoding(tmp_path: Path) -> None:
    write(tmp_path / 'set', SPEC)
    (episode,) = open_episodes(tmp_path / 'set')
    assert len(episode.frames) == 4


def test_an_inspection_shows_frames_as_a_bundle_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Noise is what no frame tokenizer keeps."""
    write(tmp_path / 'set', SPEC)
    assert main(['data', 'inspect', str(tmp_path / 'set'), '--bundle', 'hma_sim']) == 1
    said = capsys.readouterr().out
    assert 'frame tokenizer: reconstructs these frames at ' in said
    assert '- frame tokenizer: got ' in said
    assert (
        'Reconstructed by the frame tokenizer of the bundle:'
        in (tmp_path / 'set' / 'inspect.html').read_text()
    )


def test_frames_of_another_size_than_the_bundle_takes_are_refused_with_a_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / 'sim_planar.yaml'
    text = Path(SPEC.path).read_text()
    file.write_text(text.replace('resize: [128, 128]', 'resize: [64, 64]'))
    write(tmp_path / 'set', load_embodiment(file))
    assert main(['data', 'inspect', str(tmp_path / 'set'), '--bundle', 'hma_sim']) == 2
    said = capsys.readouterr().err
    assert f'{tmp_path / "set"}: frames: got [64, 64], expected [128, 128]' in said
    assert 'leave out --bundle' in said
