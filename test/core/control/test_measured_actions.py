# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Measured actions are those that were reported, where the robot does as it is commanded."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hma_ros.core.control.command_history import CommandHistory
from hma_ros.core.control.measured_actions import may_be_measured, measured_actions
from hma_ros.core.control.state_history import StateHistory
from hma_ros.core.embodiment import available_embodiments, load_embodiment
from hma_ros.core.embodiment.spec import EmbodimentSpec

NS = 1_000_000_000
MS = 1_000_000
START = 5_000 * MS
# Actions that turn the tool: test_pose_actions.py.
SPECS = {
    name: spec
    for name in available_embodiments()
    if (spec := load_embodiment(name)).action.rotation is None
}
UR5E, FRANKA, PLANAR = SPECS['sim_ur5e'], SPECS['franka'], SPECS['sim_planar']


def measurable(spec: EmbodimentSpec) -> EmbodimentSpec:
    """Return a robot whose gripper can be measured, if it has one."""
    if spec.gripper is None:
        return spec
    return replace(spec, gripper=replace(spec.gripper, joint='finger'))


def measure(
    spec: EmbodimentSpec,
    measured: StateHistory,
    stamp_ns: int,
    place_D: np.ndarray,
    gripper: float | None = None,
) -> None:
    """Send what a robot at a place sends: each source its joints, the gripper in the last."""
    known = dict(zip(spec.action.coordinates, place_D.tolist(), strict=True))
    for index, source in enumerate(spec.state.sources):
        names = list(source.message_names)
        positions = [known.get(joint, 0.0) for joint in source.joints]
        measured.add_joints(index, stamp_ns, names, positions)
    if spec.action.is_cartesian:
        measured.add_tool(stamp_ns, place_D, (0.0, 0.0, 0.0, 1.0))
    if gripper is not None:
        measured.add_joints(0, stamp_ns, ['finger'], [gripper])


def travel(spec: EmbodimentSpec, rng: np.random.Generator, count: int) -> np.ndarray:
    """Return commands on the way through the workspace, within the velocity limits."""
    lower, upper = np.array(spec.limits.lower), np.array(spec.limits.upper)
    most = np.array(spec.limits.velocity) / spec.rates.command_hz
    steps = rng.uniform(-most, most, (count, len(lower)))
    return np.clip((lower + upper) / 2 + np.cumsum(steps, axis=0), lower, upper)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(SPECS)), st.integers(0, 2**32 - 1))
def test_equal_what_was_reported_when_commands_are_executed_perfectly(
    name: str, seed: int
) -> None:
    spec, rng = measurable(SPECS[name]), np.random.default_rng(seed)
    history, measured = CommandHistory(spec, 2.0), StateHistory(spec)
    period_ns = round(NS / spec.rates.command_hz)
    count = round(1.8 * spec.rates.command_hz)
    for index, target in enumerate(travel(spec, rng, count)):
        stamp, value, position = START + index * period_ns, None, None
        if spec.gripper is not None:
            is_open = index // 25 % 2 == 0
            value = spec.gripper.model_open if is_open else spec.gripper.model_closed
            position = spec.gripper.open_position if is_open else spec.gripper.closed_position
        history.record(stamp, target, value)
        measure(spec, measured, stamp, target, position)
    start = START + int(rng.integers(0, 10)) * period_ns
    reported = history.executed(start, spec.rates.stride)
    found = measured_actions(spec, measured, start)
    assert reported is not None
    assert found is not None
    width = len(spec.action.coordinates)
    np.testing.assert_allclose(found[:, :width], reported[:, :width], atol=1e-9)
    # The jaws are between open and closed for one sample.
    assert (found[:, width:] != reported[:, width:]).sum() <= 1


@settings(deadline=None, max_examples=40)
@given(st.floats(30.0, 1000.0), st.integers(0, 199), st.integers(0, 2**32 - 1))
def test_any_rate_of_joint_states_agrees_with_a_smooth_motion(
    rate_hz: float, offset_ms: int, seed: int
) -> None:
    rng, measured = np.random.default_rng(seed), StateHistory(UR5E)
    phase, speed = rng.uniform(0, 6, 6), rng.uniform(0.5, 2.0, 6)

    def place(stamp_ns: int) -> np.ndarray:
        return np.asarray(0.5 * np.sin(speed * stamp_ns / NS + phase))

    period_ns = round(NS / rate_hz)
    for stamp in range(START, START + NS, period_ns):
        measure(UR5E, measured, stamp, place(stamp))
    start = START + offset_ms * MS
    times = [start + index * 100 * MS for index in range(3)]
    found = measured_actions(UR5E, measured, start)
    expected = np.diff([place(time) for time in times], axis=0)
    # A straight line between samples is off by at most acceleration * period ** 2 / 8.
    bound = 2 * 0.5 * 2.0**2 * (1.0 / rate_hz) ** 2 / 8 + 1e-9
    np.testing.assert_allclose(found, expected, atol=bound)


def test_absolute_actions_are_the_places_at_the_end_of_each_step() -> None:
    measured = StateHistory(PLANAR)
    for index in range(20):
        measure(PLANAR, measured, START + 20 * index * MS, np.array([0.01 * index, 0.0]))
    np.testing.assert_allclose(measured_actions(PLANAR, measured, START), [[0.05, 0.0]])


@pytest.mark.parametrize(
    ('lost_ms', 'is_known'),
    [
        (range(80), False),  # nothing before the start
        (range(80, 300), False),  # a gap longer than max_age_s within the step
        (range(260, 620), False),  # nothing at the end
        (range(280, 620), True),
    ],
)
def test_what_is_not_wholly_known_is_not_known(lost_ms: range, is_known: bool) -> None:
    measured = StateHistory(UR5E)
    for offset_ms in range(0, 600, 20):
        if offset_ms not in lost_ms:
            measure(UR5E, measured, START + offset_ms * MS, np.zeros(6))
    found = measured_actions(UR5E, measured, START + 60 * MS)
    assert (found is not None) == is_known


def test_one_silent_joint_makes_the_action_unknown() -> None:
    measured = StateHistory(UR5E)
    names = UR5E.state.joints
    for stamp in range(START, START + 400 * MS, 10 * MS):
        measured.add_joints(0, stamp, names[:-1], np.zeros(5))
    assert measured_actions(UR5E, measured, START) is None


@pytest.mark.parametrize(('position', 'value'), [(0.04, 1.0), (0.025, 1.0), (0.0, -1.0)])
def test_the_gripper_is_what_its_joint_is_nearer_to(position: float, value: float) -> None:
    spec = measurable(FRANKA)
    measured = StateHistory(spec)
    for stamp in range(START, START + 400 * MS, 10 * MS):
        measure(spec, measured, stamp, np.array([0.5, 0.0, 0.2]), position)
    np.testing.assert_array_equal(measured_actions(spec, measured, START), [[0, 0, 0, value]] * 2)


def test_a_gripper_that_is_not_measured_makes_the_action_unknown() -> None:
    for joint in ('finger', None):
        assert FRANKA.gripper is not None
        spec = replace(FRANKA, gripper=replace(FRANKA.gripper, joint=joint))
        measured = StateHistory(spec)
        for stamp in range(START, START + 400 * MS, 10 * MS):
            measure(spec, measured, stamp, np.array([0.5, 0.0, 0.2]))
        assert measured_actions(spec, measured, START) is None
        assert not may_be_measured(spec, measured, START + 310 * MS)


def test_a_continuous_joint_turns_on_through_half_a_turn() -> None:
    measured = StateHistory(UR5E, is_continuous_D=[False] * 5 + [True])
    for stamp in range(START, START + 400 * MS, 10 * MS):
        angle = 3.1 + 0.5 * (stamp - START) / NS
        wrapped = (angle + np.pi) % (2 * np.pi) - np.pi
        measure(UR5E, measured, stamp, np.array([0, 0, 0, 0, 0, wrapped]))
    found = measured_actions(UR5E, measured, START)
    np.testing.assert_allclose(found, [[0, 0, 0, 0, 0, 0.05]] * 2, atol=1e-9)


def test_only_what_was_heard_lately_is_waited_for() -> None:
    measured, end = StateHistory(UR5E), START + 200 * MS
    assert not may_be_measured(UR5E, measured, START)
    for stamp, is_expected in (
        (end - 201 * MS, False),
        (end - 200 * MS, True),
        (end - 1, True),
        (end, False),
    ):
        measure(UR5E, measured, stamp, np.zeros(6))
        assert may_be_measured(UR5E, measured, START) == is_expected


def test_a_slow_gripper_is_waited_for_until_the_middle_of_the_last_action() -> None:
    spec = measurable(FRANKA)
    measured, middle = StateHistory(spec), START + 75 * MS
    for stamp in range(START, START + 101 * MS, 10 * MS):
        measure(spec, measured, stamp, np.array([0.5, 0.0, 0.2]))
    for offset_ms, is_expected in ((-70, True), (-1, True), (0, False)):
        measured.add_gripper(middle + offset_ms * MS, ['finger'], [0.04])
        assert may_be_measured(spec, measured, START) == is_expected
    np.testing.assert_array_equal(measured_actions(spec, measured, START), [[0, 0, 0, 1]] * 2)


def test_two_arms_whose_drivers_use_the_same_names_in_any_order() -> None:
    aloha = SPECS['aloha']
    measured = StateHistory(aloha)
    rng = np.random.default_rng(3)
    home = np.array(aloha.home)
    for stamp in range(START, START + 400 * MS, 10 * MS):
        for index, source in enumerate(aloha.state.sources):
            order = rng.permutation(len(source.joints))
            values = home[[aloha.state.joints.index(name) for name in source.joints]]
            names = [source.message_names[place] for place in order]
            measured.add_joints(index, stamp, names, values[order])
    np.testing.assert_allclose(measured.joints_at(START + 5 * MS), home)
    found = measured_actions(aloha, measured, START)
    np.testing.assert_allclose(found, [home] * aloha.rates.stride)
