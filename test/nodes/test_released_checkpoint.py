# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""From a checkpoint of the released layout to a node that publishes what it imagines."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from std_msgs.msg import Float64MultiArray

from hma_ros.cli.checks.embodiment import check_file
from hma_ros.cli.finding import Level
from hma_ros.cli.main import main
from hma_ros.core.embodiment import embodiment_folder, load_embodiment
from hma_ros.msg import PredictedRollout
from hma_ros.network.checkpoint import save_tensors
from hma_ros.network.magvit2 import Magvit2, Magvit2Config
from hma_ros.network.paper.config import Domain, Meaning, PaperConfig
from hma_ros.network.paper.discrete import DiscreteHma
from hma_ros.nodes.world_model_node import check_stem
from hma_ros.ros.qos import COMMAND
from hma_ros.runtime.open import open_world_model
from hma_ros.runtime.providers import Execution

pytestmark = pytest.mark.ros
STEM, SIDE = 'language_table', 256
# Numbers and stride of the stems that files are shipped for, see test_released_stems.py.
STEMS = {
    'bridge_data_v2': (7, 1),
    'columbia_cairlab_pusht_real': (8, 5),
    'berkeley_mvp_converted_externally_to_rlds': (8, 2),
    STEM: (2, 1),
}
ROBOTS = ('widowx_bridge', 'ur5_pusht', 'xarm7_mvp', 'xarm6_language_table')


def write_tokenizer(path: Path) -> Path:
    """Open-MAGVIT2 as published, but narrow: 256 x 256 pixels, 16 x 16 tokens of 18 bits."""
    sizes = Magvit2Config(width=32, multipliers=(1, 1, 1, 1, 1), blocks=1)
    save_tensors(Magvit2(sizes).state_dict(), path)
    return path


TWO_STEMS = (
    Domain('droid', 7, (0.0,) * 7, (1.0,) * 7),
    Domain(STEM, 1, (0.0, 0.0), (0.1, 0.1)),
)


def video_model(domains: tuple[Domain, ...] = TWO_STEMS) -> DiscreteHma:
    """A video model of the released layout with few layers: it must be given every action."""
    sizes = PaperConfig(
        layers=2,
        heads=2,
        width=32,
        rows=4,
        positions=256,
        factor_size=512,
        predict_actions=False,
        domains=domains,
        meaning=Meaning.UPSTREAM,
    )
    return DiscreteHma(sizes)


def write_embodiment(folder: Path, **camera: object) -> Path:
    """Write the simulated planar robot as somebody would for this checkpoint."""
    data = yaml.safe_load((embodiment_folder() / 'sim_planar.yaml').read_text())
    data.update(name='my_table', stem=STEM)
    data['camera'].update(camera)
    path = folder / 'my_table.yaml'
    path.write_text(yaml.safe_dump(data))
    return path


def import_for(
    embodiments: Sequence[str],
    folder: Path,
    write_released: Callable[..., Path],
    domains: tuple[Domain, ...] = TWO_STEMS,
) -> Path:
    """Return a bundle with the stems of the embodiments, made by the command."""
    torch.manual_seed(0)
    checkpoint = write_released(video_model(domains), folder / 'hma-base-disc')
    tokenizer, bundle = write_tokenizer(folder / 'magvit2.safetensors'), folder / 'base'
    arguments = ['--tokenizer', str(tokenizer)]
    arguments += [text for name in embodiments for text in ('--embodiment', name)]
    assert main(['import-checkpoint', str(checkpoint), str(bundle), *arguments]) == 0
    return bundle


@pytest.fixture(scope='module')
def imported(
    tmp_path_factory: pytest.TempPathFactory, write_released: Callable[..., Path]
) -> tuple[Path, Path]:
    """Return a bundle, made by the command, and the embodiment that it serves."""
    folder = tmp_path_factory.mktemp('released')
    embodiment = write_embodiment(folder, resize=[SIDE, SIDE])
    return import_for([str(embodiment)], folder, write_released), embodiment


def start(
    system: Any, bundle: Path, embodiment: Path | str, use_sim_time: bool = True, **more: object
) -> None:
    system.spawn(
        'world_model',
        bundle=str(bundle),
        embodiment=str(embodiment),
        use_sim_time=use_sim_time,
        autostart=True,
        horizon=1,
        threads=1,
        camera_timeout_s=300.0,
        executed_timeout_s=1.0,
        **more,
    )


def test_it_imagines_what_follows_from_measured_joints(
    system: Any, imported: tuple[Path, Path]
) -> None:
    system.watch(PredictedRollout, '/world_model/prediction')
    topic = load_embodiment('sim_planar').commands[0].topic
    commands = system.node.create_publisher(Float64MultiArray, topic, COMMAND)
    system.spawn('sim_robot', embodiment='sim_planar', real_time_factor=0.1)
    start(system, *imported)
    goal = [0.1, -0.05]

    def is_imagined_at_the_goal() -> bool:
        # Somebody else drives the robot, and says so to nobody.
        commands.publish(Float64MultiArray(data=goal))
        rollout = system.last.get('/world_model/prediction')
        return rollout is not None and np.allclose(rollout.actions, goal, atol=0.01)

    system.until(is_imagined_at_the_goal, 'imagined frames')
    frame = system.last['/world_model/prediction'].frames[0]
    assert (frame.height, frame.width, len(frame.data)) == (SIDE, SIDE, SIDE * SIDE * 3)
    assert 'Traceback' not in system.log('world_model')


@pytest.fixture(scope='module')
def bundle_of_stems(
    tmp_path_factory: pytest.TempPathFactory, write_released: Callable[..., Path]
) -> Path:
    """Return one bundle that serves all robots of shipped stems but DROID's."""
    # A number that never changes in the data has no deviation, as the authors compute it.
    domains = tuple(
        Domain(name, stride, (0.0,) * width, (0.0,) * (width - 2) + (0.1, 0.1))
        for name, (width, stride) in STEMS.items()
    )
    return import_for(ROBOTS, tmp_path_factory.mktemp('stems'), write_released, domains)


@pytest.mark.parametrize('robot', ROBOTS)
def test_the_file_of_a_stem_fits_its_bundle_and_frames_are_imagined(
    bundle_of_stems: Path, robot: str
) -> None:
    spec = load_embodiment(robot)
    found = check_file(robot, str(bundle_of_stems))
    assert [item for item in found if item.level is Level.FAIL] == []
    model = open_world_model(bundle_of_stems, spec.stem, Execution(provider='cpu', threads=1))
    check_stem(spec, model)
    still = np.zeros((spec.rates.stride, len(spec.action.names)), np.float32)
    for seed in range(2):
        frame = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        model.observe(frame, still)
    moved = still.copy()
    moved[:, :2] = 0.02
    rollout = model.imagine(moved[None], 1)
    assert rollout.frames.shape == (1, SIDE, SIDE, 3)
    # What was imagined from comes back in the robot's actions: no number of the stem is left.
    np.testing.assert_allclose(model.imagine(None, 1).actions, still[None], atol=1e-6)


def test_a_camera_of_another_size_is_refused_with_both_sizes(
    system: Any, imported: tuple[Path, Path], tmp_path: Path
) -> None:
    start(system, imported[0], write_embodiment(tmp_path, resize=[64, 64]))
    reason = (
        "camera.resize: got [64, 64], expected [256, 256] (size of bundle 'base'); set "
        'camera.resize or choose another bundle'
    )
    system.until(lambda: reason in system.log('world_model'), 'the refusal')


def test_it_imagines_the_franka_of_droid_from_the_topics_of_its_drivers(
    system: Any,
    tmp_path: Path,
    write_released: Callable[..., Path],
    move_by_hand: Callable[[str], None],
) -> None:
    bundle = import_for(['franka_droid'], tmp_path, write_released)
    system.watch(PredictedRollout, '/world_model/prediction')
    start(system, bundle, 'franka_droid', use_sim_time=False)
    move_by_hand('franka_droid')

    def is_imagined_where_the_tool_is() -> bool:
        rollout = system.last.get('/world_model/prediction')
        # The tool is at x = 0.5 and not turned; the gripper is open.
        expected = [0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
        return rollout is not None and np.allclose(
            np.reshape(rollout.actions, (-1, 7)), expected, atol=0.02
        )

    system.until(is_imagined_where_the_tool_is, 'imagined frames')
    frame = system.last['/world_model/prediction'].frames[0]
    assert (frame.height, frame.width, len(frame.data)) == (SIDE, SIDE, SIDE * SIDE * 3)
    assert 'Traceback' not in system.log('world_model')


def test_actions_that_are_not_verified_are_not_executed(system: Any, tmp_path: Path) -> None:
    start(system, tmp_path, 'franka_droid', use_sim_time=False, mode='execute')
    reason = 'action.verified: got false, expected true for mode:=execute'
    system.until(lambda: reason in system.log('world_model'), 'the refusal')
