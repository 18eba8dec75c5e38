# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Users hear before they train whether a frame tokenizer shows what their camera sees."""

from pathlib import Path

import numpy as np
import pytest

from hma_ros.cli.main import main
from hma_ros.core.embodiment import load_embodiment
from hma_ros.data.drawn_frames import findings, summary, tokenizer_psnr_db
from hma_ros.data.lerobot_writer import LeRobotWriter
from hma_ros.data.steps import Step

SPEC = load_embodiment('sim_planar')


def frames(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 200, (count, 16, 16, 3)).astype(np.uint8)


def test_the_pixels_of_all_episodes_count() -> None:
    episodes = [frames(count) for count in (1, 5, 40)]
    quality_db = tokenizer_psnr_db(lambda seen: seen + 10, [iter(item) for item in episodes])
    assert quality_db == pytest.approx(20 * np.log10(25.5))
    assert '28.1 dB PSNR' in summary(quality_db)
    assert findings(quality_db) == []


def test_a_tokenizer_that_loses_the_scene_is_a_finding_with_a_remedy() -> None:
    quality_db = tokenizer_psnr_db(lambda seen: seen + 30, [frames(3)])
    (finding,) = findings(quality_db)
    assert 'got 18.6 dB, expected 25 or more' in finding
    assert 'camera.crop' in finding


def test_an_inspection_shows_frames_as_a_bundle_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Noise is what no frame tokenizer keeps."""
    writer, random = LeRobotWriter(tmp_path / 'set', SPEC, 'push'), np.random.default_rng(0)
    file = writer.begin()
    for step in range(4):
        frame = random.integers(256, size=(128, 128, 3)).astype(np.uint8)
        place = np.float32([0.01 * step, 0.05])
        file.add(Step(step * 10**8, frame, place, place[None]))
    writer.end(file, True)
    source = {'path': 'made up', 'sha256': ''}
    facts = {'topics': {}, 'dropped_steps': {}, 'first_drop': None, 'is_truncated': False}
    writer.commit({'source': source, **facts})
    assert main(['data', 'inspect', str(tmp_path / 'set'), '--bundle', 'hma_sim']) == 1
    said = capsys.readouterr().out
    assert 'frame tokenizer: reconstructs these frames at ' in said
    assert '- frame tokenizer: got ' in said
    assert (
        'Reconstructed by the frame tokenizer of the bundle:'
        in (tmp_path / 'set' / 'inspect.html').read_text()
    )
