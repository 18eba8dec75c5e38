# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The files for stems of the released checkpoints: what the stem takes, and how often."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from transforms3d.euler import euler2quat
from transforms3d.quaternions import qmult

from hma_ros.core.control.measured_actions import measured_actions
from hma_ros.core.control.state_history import StateHistory
from hma_ros.core.domains import recorded_hz, stem_remedy, upstream_stride
from hma_ros.core.embodiment import EmbodimentSpec, embodiment_folder, load_embodiment
from hma_ros.core.errors import ConfigError
from hma_ros.export.robot import robot_of
from hma_ros.nodes.execution_gate import check_may_execute

NS = 1_000_000_000
# What the data sets hold per low-level action, and how often: docs/reference/embodiments.md.
STEMS = {
    'franka_droid': ('droid', 7, 15),
    'google_robot_rt1': ('fractal20220817_data', 13, 3),
    'ur5_pusht': ('columbia_cairlab_pusht_real', 8, 10),
    'widowx_bridge': ('bridge_data_v2', 7, 5),
    'xarm6_language_table': ('language_table', 2, 10),
    'xarm7_mvp': ('berkeley_mvp_converted_externally_to_rlds', 8, 5),
}


@pytest.fixture(params=STEMS)
def spec(request: pytest.FixtureRequest) -> EmbodimentSpec:
    return load_embodiment(request.param)


def test_it_takes_the_numbers_of_its_stem_at_the_rate_of_its_data(spec: EmbodimentSpec) -> None:
    stem, width, rate_hz = STEMS[spec.name]
    assert spec.stem == stem
    assert robot_of(spec, is_released=True).width == width
    assert spec.rates.stride == upstream_stride(stem)
    assert spec.rates.control_hz == pytest.approx(rate_hz)
    assert recorded_hz(stem) == rate_hz
    assert spec.camera.resize == (256, 256)


def test_what_is_not_verified_is_not_executed(spec: EmbodimentSpec) -> None:
    check_may_execute(spec, 'shadow', 'bundle', True)
    with pytest.raises(ConfigError, match='action.verified: got false'):
        check_may_execute(spec, 'execute', 'bundle', True)


def test_a_bundle_without_it_is_told_where_it_is(spec: EmbodimentSpec) -> None:
    assert f'`hma import-checkpoint SRC DST --stem {spec.stem}`' in stem_remedy(spec.stem)


@pytest.mark.parametrize('name', ['franka_jtc', 'xarm7', 'kinova_gen3', 'aloha', 'sim_ur5e'])
def test_a_robot_without_a_released_stem_is_to_be_fine_tuned(name: str) -> None:
    assert 'with `hma finetune`' in stem_remedy(load_embodiment(name).stem)


def moving(
    spec: EmbodimentSpec, place: Callable[[float], np.ndarray], gripper: float | None = None
) -> np.ndarray:
    """Return what the stem is told of a robot that was measured at 100 Hz."""
    measured = StateHistory(spec)
    for index in range(101):
        stamp, values = index * NS // 100, place(index / 100)
        if spec.action.is_cartesian:
            turn = values[3:] if len(values) > 3 else np.array([0.0, 0.0, 0.0, 1.0])
            measured.add_tool(stamp, values[:3], turn)
        else:
            measured.add_joints(0, stamp, list(spec.state.joints), values.tolist())
        if spec.gripper is not None and spec.gripper.joint is not None:
            measured.add_gripper(stamp, [spec.gripper.joint], [gripper])
    actions = measured_actions(spec, measured, 0)
    assert actions is not None
    return robot_of(spec, is_released=True).numbers_of(actions.astype(np.float32))


def test_the_arm_of_pusht_says_how_far_its_tool_went_and_nothing_else() -> None:
    speed = np.array([0.05, -0.1, 0.0])
    numbers = moving(
        load_embodiment('ur5_pusht'), lambda time: np.array([0.5, 0, 0.1]) + speed * time
    )
    np.testing.assert_allclose(
        numbers, np.tile([0, 0, 0, 0, 0, 0.005, -0.01, 0], (5, 1)), atol=1e-6
    )


def test_the_arm_of_language_table_says_it_in_the_plane() -> None:
    speed = np.array([0.05, -0.1, 0.02])
    spec = load_embodiment('xarm6_language_table')
    numbers = moving(spec, lambda time: np.array([0.3, 0, 0.145]) + speed * time)
    np.testing.assert_allclose(numbers, [[0.005, -0.01]], atol=1e-6)


def test_the_arm_of_mvp_says_how_far_its_joints_went() -> None:
    speed = np.linspace(-0.3, 0.3, 7)
    numbers = moving(load_embodiment('xarm7_mvp'), lambda time: speed * time, gripper=0.85)
    np.testing.assert_allclose(numbers, np.tile([*speed / 5, 1.0], (2, 1)), atol=1e-6)


def test_the_arm_of_bridge_turns_about_the_axes_of_its_base() -> None:
    down = (0.70710678, 0.0, 0.70710678, 0.0)

    def place(time: float) -> np.ndarray:
        w, x, y, z = qmult(euler2quat(0.0, 0.0, 0.5 * time, 'sxyz'), down)
        return np.array([0.3, 0.05 * time, 0.1, x, y, z, w])

    numbers = moving(load_embodiment('widowx_bridge'), place, gripper=0.037)
    np.testing.assert_allclose(numbers, [[0, 0.01, 0, 0, 0, 0.1, 1.0]], atol=1e-5)


def test_an_arm_of_yours_can_have_the_layout_of_rt_1(tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / 'docs' / 'reference' / 'embodiments.md').read_text()
    changes = yaml.safe_load(text.partition('### RT-1')[2].split('```')[1][4:])
    data = yaml.safe_load((embodiment_folder() / 'widowx_bridge.yaml').read_text())
    for key in ('names', 'units', 'lower', 'upper'):
        data['action'][key] = data['action'][key][:6]
    data['action'] |= changes.pop('action')
    data |= {'name': 'my_arm', 'stem': 'fractal20220817_data', **changes}
    path = tmp_path / 'my_arm.yaml'
    path.write_text(yaml.safe_dump(data))
    robot = robot_of(load_embodiment(path), is_released=True)
    numbers = robot.numbers_of(np.arange(1, 7, dtype=np.float32)[None])
    # base, its turn, gripper, rotation, the second mode of three, translation
    assert numbers.tolist() == [[0, 0, 0, 0, 4, 5, 6, 0, 1, 0, 1, 2, 3]]
