# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The files for stems of the released checkpoints fit bundles of those stems, and predict."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from hma_ros.cli.checks.embodiment import check_file
from hma_ros.cli.checks.finding import Level
from hma_ros.cli.main import main
from hma_ros.core.embodiment import embodiment_folder, load_embodiment
from hma_ros.core.errors import BundleError
from hma_ros.export.bundle import BundleOptions, check_options
from hma_ros.export.robot import robot_of
from hma_ros.msg import PredictedRollout
from hma_ros.network.checkpoint import save_tokenizer
from hma_ros.network.config import Compat, Domain, HmaConfig
from hma_ros.network.discrete import DiscreteHma
from hma_ros.network.tokenizer import FrameTokenizer, TokenizerConfig
from hma_ros.runtime.fit import check_fit
from hma_ros.runtime.providers import Execution
from hma_ros.runtime.world_model import WorldModel

pytestmark = pytest.mark.ros
SIDE = 256
Write = Callable[..., Path]
# Mean and deviation: numbers that never change in the data have none, as the authors compute it.
MOVES, STILL, GOES_ON, KEEPS_ON = (0.0, 0.1), (0.0, 0.0), (0.01, 0.1), (0.99, 0.1)
DOMAINS = {
    'widowx_bridge': ('bridge_data_v2', 1, [MOVES] * 7),
    'ur5_pusht': (
        'columbia_cairlab_pusht_real',
        5,
        [STILL, STILL, STILL, STILL, GOES_ON, MOVES, MOVES, STILL],
    ),
    'google_robot_rt1': (
        'fractal20220817_data',
        1,
        [STILL] * 3 + [MOVES] * 4 + [GOES_ON, KEEPS_ON, STILL] + [MOVES] * 3,
    ),
    'xarm7_mvp': ('berkeley_mvp_converted_externally_to_rlds', 2, [MOVES] * 8),
    'xarm6_language_table': ('language_table', 1, [MOVES] * 2),
}


TOKENS = TokenizerConfig(
    SIDE, 64, 2, 8, width=8, detail_width=4, encoder_blocks=1, decoder_blocks=1
)
CONFIG = HmaConfig(
    layers=1,
    heads=2,
    width=16,
    window=4,
    positions=TOKENS.image_tokens,
    factors=TOKENS.factors,
    factor_size=TOKENS.levels,
    predict_actions=False,
    domains=tuple(
        Domain(name, stride, *zip(*facts, strict=True)) for name, stride, facts in DOMAINS.values()
    ),
    compat=Compat.UPSTREAM,
)


@pytest.mark.parametrize('robot', DOMAINS)
def test_a_file_fits_the_checkpoint_and_its_images(robot: str) -> None:
    spec = load_embodiment(robot)
    robots = {spec.stem: robot_of(spec, is_released=True)}
    check_options(CONFIG, BundleOptions(stems=[spec.stem], robots=robots))
    assert spec.camera.resize == (SIDE, SIDE)


def write_checkpoint(folder: Path, write_released: Write) -> list[str]:
    """Write a video model of the released layout and a tokenizer for 256 x 256 pixels, tiny."""
    torch.manual_seed(0)
    checkpoint = write_released(DiscreteHma(CONFIG), folder / 'hma-base-disc')
    save_tokenizer(FrameTokenizer(TOKENS), folder / 'tokenizer')
    return [str(checkpoint), str(folder / 'base'), '--tokenizer', str(folder / 'tokenizer')]


@pytest.fixture(scope='module')
def bundle(tmp_path_factory: pytest.TempPathFactory, write_released: Write) -> Path:
    """Return a bundle that serves the robot whose stem differs most from its actions."""
    folder = tmp_path_factory.mktemp('stems')
    arguments = write_checkpoint(folder, write_released)
    assert main(['import-checkpoint', *arguments, '--embodiment', 'ur5_pusht']) == 0
    return folder / 'base'


def test_frames_are_imagined_from_what_the_robot_did(bundle: Path) -> None:
    spec = load_embodiment('ur5_pusht')
    found = check_file(spec.name, str(bundle))
    assert [item for item in found if item.level is Level.FAIL] == []
    model = WorldModel(bundle, spec.stem, Execution(provider='cpu', threads=1))
    check_fit(spec, model.manifest)
    executed = np.zeros((spec.rates.stride, len(spec.action.names)), np.float32)
    executed[:, :2] = 0.02
    for seed in range(2):
        frame = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        model.observe(frame, executed)
    rollout = model.imagine(None, 1)
    assert rollout.frames.shape == (1, SIDE, SIDE, 3)
    # Without a policy what was executed goes on, in the robot's own values.
    np.testing.assert_allclose(rollout.actions, executed[None], atol=1e-6)


def test_it_predicts_in_shadow_from_the_topics_of_the_drivers(
    system: Any, bundle: Path, move_by_hand: Callable[[str], None]
) -> None:
    system.watch(PredictedRollout, '/world_model/prediction')
    system.spawn(
        'world_model',
        bundle=str(bundle),
        embodiment='ur5_pusht',
        use_sim_time=False,
        autostart=True,
        horizon=1,
        threads=1,
        camera_timeout_s=300.0,
        executed_timeout_s=1.0,
    )
    move_by_hand('ur5_pusht')

    def has_moved_along_x() -> bool:
        rollout = system.last.get('/world_model/prediction')
        if rollout is None:
            return False
        actions = np.reshape(rollout.actions, (5, 3))
        return bool((actions[:, 0] != 0.0).all() and (actions[:, 1:] == 0.0).all())

    system.until(has_moved_along_x, 'imagined frames')
    rollout = system.last['/world_model/prediction']
    assert rollout.action_names == ['d_x', 'd_y', 'd_z']
    assert rollout.frames[0].height == SIDE
    assert 'Traceback' not in system.log('world_model')


def with_layout(folder: Path, robot: str, layout: list[str | float]) -> Path:
    data = yaml.safe_load((embodiment_folder() / f'{robot}.yaml').read_text())
    data['action']['layout'] = layout
    path = folder / f'{robot}.yaml'
    path.write_text(yaml.safe_dump(data))
    return path


def test_a_file_with_another_layout_than_its_bundle_is_refused(
    bundle: Path, tmp_path: Path
) -> None:
    layout = [0, 0, 0, 0, 0, 'd_y', 'd_x', 0]
    spec = load_embodiment(with_layout(tmp_path, 'ur5_pusht', layout))
    model = WorldModel(bundle, spec.stem, Execution(provider='cpu', threads=1))
    with pytest.raises(BundleError, match=r"action.layout: got \[0.0, .*'d_y', 'd_x', 0.0\], exp"):
        check_fit(spec, model.manifest)


@pytest.mark.parametrize(
    ('layout', 'text'),
    [
        ([0, 0, 0, 0, 0, 'd_x', 'd_y', 'd_z'], "number 8: got 'd_z', expected 0: in the data it"),
        ([0, 0, 0, 0, 5, 'd_x', 'd_y', 0], 'number 5: got 5.0, expected -0.99 to 1.01, as in the'),
        ([0, 0, 0, 0, 0, 'd_x', 'd_y'], 'x stride 5, expected a robot of 8 x 5'),
    ],
)
def test_a_layout_that_is_not_that_of_the_data_is_refused_at_import(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    write_released: Write,
    layout: list[str | float],
    text: str,
) -> None:
    robot = with_layout(tmp_path, 'ur5_pusht', layout)
    arguments = write_checkpoint(tmp_path, write_released)
    assert main(['import-checkpoint', *arguments, '--embodiment', str(robot)]) == 2
    assert text in capsys.readouterr().err
