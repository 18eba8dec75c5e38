# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A checkpoint of the released layout, fine-tuned to a new robot at 256 x 256, moves it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from hma_ros.cli.main import main
from hma_ros.core.embodiment import embodiment_folder
from hma_ros.msg import ActionChunk, PredictedRollout
from hma_ros.network.config import Compat, Domain, HmaConfig
from hma_ros.network.discrete import DiscreteHma
from hma_ros.network.factors import split_ids
from hma_ros.runtime.manifest import Manifest

pytestmark = pytest.mark.ros
SIDE = 256


def video_model() -> DiscreteHma:
    """Build a video model of the released layout with one layer and random weights."""
    torch.manual_seed(0)
    config = HmaConfig(
        layers=1,
        heads=2,
        width=32,
        window=4,
        positions=256,
        action_tokens=4,
        factors=2,
        factor_size=512,
        predict_actions=False,
        mup=True,
        domains=(Domain('language_table', 1, (0.0, 0.0), (0.1, 0.1)),),
        compat=Compat.UPSTREAM,
    )
    return DiscreteHma(config)


@pytest.fixture(scope='module')
def robot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a simulated robot whose frames have the size of the tokenizer."""
    data = yaml.safe_load((embodiment_folder() / 'sim_planar.yaml').read_text())
    data['camera']['resize'] = [SIDE, SIDE]
    path = tmp_path_factory.mktemp('robot') / 'sim_planar.yaml'
    path.write_text(yaml.safe_dump(data))
    return path


@pytest.fixture(scope='module')
def run_folder(
    tmp_path_factory: pytest.TempPathFactory,
    write_released: Callable[..., Path],
    magvit2_file: Path,
) -> Path:
    """Record, fine-tune and export with the commands; ``data``, ``run`` and ``bundle``."""
    folder = tmp_path_factory.mktemp('fine_tuned')
    checkpoint = write_released(video_model(), folder / 'hma-base-disc')
    data, out = folder / 'data', folder / 'run'
    words = ['--expert', '2', '--steps', '8', '--workers', '1', '--image-size', str(SIDE)]
    assert main(['generate', 'sim_planar', '--out', str(data), *words]) == 0
    words = ['--init', str(checkpoint), '--tokenizer', str(magvit2_file), '--data', str(data)]
    words += ['--bundle', str(folder / 'bundle'), '--trunk', 'all', '--length', '3']
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('torch.compile', lambda function: function)
        patch.setattr('hma_ros.training.run._LOG_EVERY', 1)
        words += ['--steps', '30', '--windows', '2', '--out', str(out)]
        assert main(['finetune', *words]) == 0
    return folder


def test_frames_are_split_ids_of_the_tokenizer(run_folder: Path, magvit2_file: Path) -> None:
    from hma_ros.network.magvit2 import load_magvit2

    (kept,) = (run_folder / 'data').glob('tokens/*.npy')
    (video,) = (run_folder / 'data').glob('**/video.bin')
    frame = np.fromfile(video, np.uint8).reshape(-1, SIDE, SIDE, 3)[:1]
    with torch.no_grad():
        ids = load_magvit2(magvit2_file).encode(torch.from_numpy(frame))
    tokens = np.load(kept)
    assert tokens.shape[1:] == (256, 2)
    assert (tokens[:1] == split_ids(ids).numpy()).mean() > 0.99


def test_the_loss_falls(run_folder: Path) -> None:
    lines = (run_folder / 'run' / 'model' / 'log.jsonl').read_text().splitlines()
    losses = [
        sum(value for name, value in json.loads(line).items() if '/' in name) for line in lines
    ]
    assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:5])


def test_it_moves_the_robot_and_imagines_frames_of_that_size(
    system: Any, run_folder: Path, robot: Path
) -> None:
    bundle = run_folder / 'bundle'
    assert Manifest.read(bundle).predicts_actions
    common = {'embodiment': str(robot), 'use_sim_time': True, 'autostart': True}
    system.watch(ActionChunk, '/action_executor/executed')
    system.watch(PredictedRollout, '/world_model/prediction')
    system.spawn(
        'sim_robot',
        embodiment=str(robot),
        task='sim_planar',
        image_scale=1,
        real_time_factor=0.05,
    )
    system.spawn('action_executor', mode='execute', **common)
    system.spawn(
        'world_model',
        bundle=str(bundle),
        mode='execute',
        horizon=1,
        threads=1,
        camera_timeout_s=300.0,
        **common,
    )

    def was_commanded() -> bool:
        report = system.last.get('/action_executor/executed')
        return report is not None and any(report.actions)

    system.until(was_commanded, 'commands')
    system.until(lambda: '/world_model/prediction' in system.last, 'imagined frames')
    frame = system.last['/world_model/prediction'].frames[0]
    assert (frame.height, frame.width, len(frame.data)) == (SIDE, SIDE, SIDE * SIDE * 3)
    assert 'Traceback' not in system.log('world_model')
