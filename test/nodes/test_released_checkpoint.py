# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""From a checkpoint of the released layout to a node that publishes what it imagines."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from std_msgs.msg import Float64MultiArray

from hma_ros.cli.main import main
from hma_ros.core.embodiment import embodiment_folder, load_embodiment
from hma_ros.msg import PredictedRollout
from hma_ros.network.config import Compat, Domain, HmaConfig
from hma_ros.network.discrete import DiscreteHma
from hma_ros.ros.qos import COMMAND

pytestmark = pytest.mark.ros
STEM, SIDE = 'language_table', 256


def video_model() -> DiscreteHma:
    """A video model of the released layout with one layer: it must be given every action."""
    domains = (
        Domain('droid', 7, (0.0,) * 7, (1.0,) * 7),
        Domain(STEM, 1, (0.0, 0.0), (0.1, 0.1)),
    )
    sizes = HmaConfig(
        layers=1,
        heads=2,
        width=32,
        window=4,
        positions=256,
        factor_size=512,
        predict_actions=False,
        domains=domains,
        compat=Compat.UPSTREAM,
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
    embodiment: str, folder: Path, write_released: Callable[..., Path], tokenizer: Path
) -> Path:
    """Return a bundle with the embodiment's stem, made by the command."""
    torch.manual_seed(0)
    checkpoint = write_released(video_model(), folder / 'hma-base-disc')
    bundle = folder / 'base'
    arguments = ['--tokenizer', str(tokenizer), '--embodiment', embodiment]
    assert main(['import-checkpoint', str(checkpoint), str(bundle), *arguments]) == 0
    return bundle


@pytest.fixture(scope='module')
def imported(
    tmp_path_factory: pytest.TempPathFactory,
    write_released: Callable[..., Path],
    magvit2_file: Path,
) -> tuple[Path, Path]:
    """Return a bundle, made by the command, and the embodiment that it serves."""
    folder = tmp_path_factory.mktemp('released')
    embodiment = write_embodiment(folder, resize=[SIDE, SIDE])
    return import_for(str(embodiment), folder, write_released, magvit2_file), embodiment


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
    magvit2_file: Path,
    move_by_hand: Callable[[str], None],
) -> None:
    bundle = import_for('franka_droid', tmp_path, write_released, magvit2_file)
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
