# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""DROID episodes wrapped into bags are imported with their joints, actions and results."""

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from benchmarks.external_data import contact_sheet, droid_bags
from hma_ros.cli.main import main
from hma_ros.core.embodiment import load_embodiment
from hma_ros.data.lerobot_reader import LeRobotData

ROWS, FRAMES = 31, 11
CHANGES = {
    'height: 480\n  width: 640': 'height: 48\n  width: 64',
    'crop: {top: 0, left: 80, height: 480, width: 480}': 'crop: null',
    'resize: [256, 256]': 'resize: [32, 32]',
    'frame_hz: 2.142857142857143': 'frame_hz: 5',
    'stride: 7': 'stride: 3',
}


@pytest.fixture(name='robot')
def made_robot(tmp_path: Path) -> Path:
    text = Path(load_embodiment('franka_droid').path).read_text()
    for old, new in CHANGES.items():
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / 'franka_droid.yaml'
    path.write_text(text)
    return path


def write_set(folder: Path) -> Path:
    for number in range(3):
        video = folder / f'videos/train/{number}/0.mp4'
        video.parent.mkdir(parents=True)
        with av.open(str(video), 'w') as container:
            stream = container.add_stream('mpeg4', rate=5)
            stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
            for index in range(FRAMES):
                pixels = np.full((48, 64, 3), 20 * index + (number - 1) % 3 * 9, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format='rgb24')))
            container.mux(stream.encode())
        path = folder / f'annotation/train/{number}.json'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(annotation(number)))
    return folder


def annotation(number: int) -> dict[str, Any]:
    rows = np.arange(ROWS)[:, None] / 100
    place = np.hstack([0.4 + 0.1 * rows, 0.1 * rows, 0.1 + 0.1 * rows, 3 - rows, 0 * rows, rows])
    return {
        'success': number % 2,
        'video_length': FRAMES,
        'videos': [{'video_path': f'videos/train/{number}/0.mp4'}],
        'observation.state.cartesian_position': place.tolist(),
        'observation.state.joint_position': (rows + np.arange(7)).tolist(),
        'observation.state.gripper_position': rows[:, 0].tolist(),
        'action.cartesian_position': (place + 0.001).tolist(),
        'action.gripper_position': rows[:, 0].tolist(),
    }


def test_bags_hold_frames_joints_actions_and_results(
    tmp_path: Path, robot: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """MCAP, sqlite3 and zstd; the last frame has no three actions and makes no step."""
    source = write_set(tmp_path / 'source')
    arguments = ['droid_bags', str(source), str(tmp_path / 'bags'), '--embodiment', str(robot)]
    monkeypatch.setattr('sys.argv', arguments)
    assert droid_bags.main() == 0
    bags = sorted(map(str, (tmp_path / 'bags').iterdir()))
    command = ['data', 'import', 'bag', *bags, '--embodiment', str(robot), '--out']
    assert main([*command, str(tmp_path / 'set')]) == 0
    data = LeRobotData(tmp_path / 'set')
    assert [item['success'] for item in data.episodes] == [False, True, False]
    assert [item['length'] for item in data.episodes] == [10] * 3
    assert [source['origins'] for source in data.journal['sources']] == [{'reported': 10}] * 3
    for number, step in enumerate(data.steps(1)):
        content = annotation(1)
        rows = slice(3 * number, 3 * number + 3)
        np.testing.assert_allclose(
            step.joints, content['observation.state.joint_position'][3 * number], atol=1e-6
        )
        np.testing.assert_allclose(
            step.actions[:, :6], content['action.cartesian_position'][rows], atol=1e-6
        )
        assert abs(int(step.frame[12:20].mean()) - 20 * number) <= 3
    capsys.readouterr()
    main(['data', 'inspect', str(tmp_path / 'set')])
    assert '<td>train_1</td><td>/franka/joint_states</td>' in (
        (tmp_path / 'set/inspect.html').read_text()
    )


def test_bags_of_another_image_size_give_no_steps_and_say_so(
    tmp_path: Path, robot: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    source = write_set(tmp_path / 'source')
    bags = tmp_path / 'bags'
    monkeypatch.setattr('sys.argv', ['_', str(source), str(bags), '--embodiment', str(robot)])
    droid_bags.main()
    command = ['data', 'import', 'bag', str(bags / 'train_0'), '--embodiment', 'franka_droid']
    assert main([*command, '--out', str(tmp_path / 'set')]) == 1
    told = capsys.readouterr().out
    assert 'got an image of 64x48, expected 640x480' in told
    assert 'got no steps, for the reasons above' in told


def test_turns_are_about_fixed_axes() -> None:
    """Three quarter turns about x, y and z are one about y."""
    quarter = np.pi / 2
    half = np.sqrt(0.5)
    got = droid_bags._quaternion(quarter, quarter, quarter)
    np.testing.assert_allclose(got, (0, half, 0, half), atol=1e-12)


def test_a_contact_sheet_has_a_lane_for_each_kind_of_frame() -> None:
    last = np.stack([np.full((32, 32, 3), value, np.uint8) for value in (0, 1)])
    camera, close, far = (np.full((4, 32, 32, 3), value, np.uint8) for value in (90, 91, 120))
    strip = contact_sheet.Strip('a title', 5.0, last, (camera, close, far))
    errors = {name: error.psnr_db for name, error in strip.errors().items()}
    assert errors['tokenizer'] > errors['imagined'] > errors['copied']
    assert errors['imagined, tokenizer as truth'] > errors['copied, tokenizer as truth']
    image = np.asarray(contact_sheet.draw(strip))
    for value in (90, 91, 120):
        assert (image == value).all(2).sum() >= 4 * 32 * 32
