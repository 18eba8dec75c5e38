# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The URDF of a simulated robot says where MuJoCo has its links and meshes."""

import xml.etree.ElementTree as ET
from pathlib import Path

import mujoco
import numpy as np
import pytest

from hma_ros.core.errors import ConfigError
from hma_ros.sim import TASK_NAMES, make_task
from hma_ros.sim.robot_tree import RobotTree
from hma_ros.sim.simulation import Task

# Numbers of the file have 12 digits, vertices single precision.
_NEAR, _MESH_NEAR_M = 1e-9, 1e-6


@pytest.fixture(params=TASK_NAMES)
def task(request):
    made = make_task(request.param)
    yield made
    made.close()


def parse(tree: RobotTree) -> ET.Element:
    return ET.fromstring(tree.urdf())  # noqa: S314 - our own text


def rotation(roll: float, pitch: float, yaw: float) -> np.ndarray:
    """Turn about the fixed axes x, y, z, one after another, as the URDF standard says."""
    turn = np.eye(3)
    for axis, angle in enumerate((roll, pitch, yaw)):
        i, j = (axis + 1) % 3, (axis + 2) % 3
        step = np.eye(3)
        step[i, i] = step[j, j] = np.cos(angle)
        step[i, j], step[j, i] = -np.sin(angle), np.sin(angle)
        turn = step @ turn
    return turn


def numbers(text: str | None) -> np.ndarray:
    return np.array([float(part) for part in (text or '').split()])


def origin(element: ET.Element) -> np.ndarray:
    found = element.find('origin')
    frame = np.eye(4)
    frame[:3, :3], frame[:3, 3] = rotation(*numbers(found.get('rpy'))), numbers(found.get('xyz'))
    return frame


def forward(robot: ET.Element, positions: dict[str, float]) -> dict[str, np.ndarray]:
    """Return where each link is in the root, from nothing but the parsed file."""
    joints = {joint.find('child').get('link'): joint for joint in robot.iter('joint')}
    roots = [link.get('name') for link in robot.iter('link') if link.get('name') not in joints]
    assert len(roots) == 1
    frames = {roots[0]: np.eye(4)}

    def place(name: str) -> np.ndarray:
        if name not in frames:
            joint = joints[name]
            frames[name] = place(joint.find('parent').get('link')) @ origin(joint) @ motion(joint)
        return frames[name]

    def motion(joint: ET.Element) -> np.ndarray:
        moved, kind = np.eye(4), joint.get('type')
        if kind == 'fixed':
            return moved
        axis, value = numbers(joint.find('axis').get('xyz')), positions[joint.get('name')]
        if kind == 'prismatic':
            moved[:3, 3] = axis * value
            return moved
        x, y, z = axis
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        moved[:3, :3] += np.sin(value) * cross + (1 - np.cos(value)) * cross @ cross
        return moved

    for name in joints:
        place(name)
    return frames


def random_pose(task: Task, rng: np.random.Generator) -> dict[str, float]:
    model, data = task._model, task._data
    positions = {}
    for joint in range(model.njnt):
        if model.jnt_type[joint] != mujoco.mjtJoint.mjJNT_FREE:
            value = rng.uniform(*model.jnt_range[joint])
            data.qpos[model.jnt_qposadr[joint]] = positions[model.joint(joint).name] = value
    mujoco.mj_kinematics(model, data)
    return positions


def test_forward_kinematics_are_those_of_mujoco(task: Task) -> None:
    robot = parse(task.robot_tree('root'))
    rng = np.random.default_rng(3)
    for _ in range(5):
        frames = forward(robot, random_pose(task, rng))
        for name in {task._model.body(i).name for i in range(1, task._model.nbody)} & set(frames):
            body = task._data.body(name)
            assert frames[name][:3, 3] == pytest.approx(body.xpos, abs=_NEAR)
            assert frames[name][:3, :3].ravel() == pytest.approx(body.xmat, abs=_NEAR)
        assert frames['tool'][:3, 3] == pytest.approx(task.tool_pose()[0], abs=_NEAR)


def test_joints_have_the_names_of_joint_states(task: Task) -> None:
    robot = parse(task.robot_tree('root'))
    names = {joint.get('name') for joint in robot.iter('joint')}
    assert set(task.joint_names) <= names
    links = [link.get('name') for link in robot.iter('link')]
    assert len(links) == len(set(links))
    assert not {'block', 'goal'} & set(links)


def test_frames_are_those_of_the_urdf(task: Task) -> None:
    tree = task.robot_tree('root')
    positions = random_pose(task, np.random.default_rng(5))
    wanted = forward(parse(tree), positions)
    placed = [*task.link_placements(tree, fixed=True), *task.link_placements(tree, fixed=False)]
    assert {item.name for item in placed} == set(wanted) - {'root'}
    for item in placed:
        turn, frame = np.zeros(9), np.eye(4)
        mujoco.mju_quat2Mat(turn, np.roll(item.quat_xyzw, 1))
        frame[:3, :3], frame[:3, 3] = turn.reshape(3, 3), item.xyz
        assert wanted[item.parent] @ frame == pytest.approx(wanted[item.name], abs=_NEAR)


def test_the_camera_looks_along_z(task: Task) -> None:
    """At the place named in the view, which is in the middle of the image."""
    camera = task.camera_placement('optical', 'root')
    turn = np.zeros(9)
    mujoco.mju_quat2Mat(turn, np.roll(camera.quat_xyzw, 1))
    seen = turn.reshape(3, 3).T @ (np.array(task.view.look_at) - camera.xyz)
    assert seen[:2] == pytest.approx([0, 0], abs=1e-5)
    assert seen[2] > 0


def test_meshes_lie_where_mujoco_draws_them(task: Task) -> None:
    """Compare bounding boxes of the files' vertices with those of the compiled scene."""
    robot = parse(task.robot_tree('root'))
    frames = forward(robot, random_pose(task, np.random.default_rng(7)))
    drawn = _drawn_boxes(task)
    found = []
    for link in robot.iter('link'):
        for visual in link.iter('visual'):
            mesh = visual.find('geometry/mesh')
            if mesh is not None:
                frame = frames[link.get('name')] @ origin(visual)
                found.append(_box(_stl_vertices(mesh.get('filename')), frame))
    assert len(found) == len(drawn)
    for box in found:
        assert min(np.abs(other - box).max() for other in drawn) < _MESH_NEAR_M


def _drawn_boxes(task: Task) -> list[np.ndarray]:
    model, data, boxes = task._model, task._data, []
    for geom in range(model.ngeom):
        if model.geom_type[geom] != mujoco.mjtGeom.mjGEOM_MESH or model.geom_group[geom] > 2:
            continue
        mesh = model.geom_dataid[geom]
        first = model.mesh_vertadr[mesh]
        vertices = model.mesh_vert[first : first + model.mesh_vertnum[mesh]]
        body = data.body(model.geom_bodyid[geom])
        quat, turn = np.zeros(4), np.zeros(9)
        mujoco.mju_mulQuat(quat, body.xquat, model.geom_quat[geom])
        mujoco.mju_quat2Mat(turn, quat)
        frame = np.eye(4)
        frame[:3, :3] = turn.reshape(3, 3)
        frame[:3, 3] = body.xpos + body.xmat.reshape(3, 3) @ model.geom_pos[geom]
        boxes.append(_box(vertices, frame))
    return boxes


def _box(vertices: np.ndarray, frame: np.ndarray) -> np.ndarray:
    placed = vertices @ frame[:3, :3].T + frame[:3, 3]
    return np.concatenate([placed.min(axis=0), placed.max(axis=0)])


def _stl_vertices(url: str) -> np.ndarray:
    raw = Path(url.removeprefix('file://')).read_bytes()
    kind = np.dtype([('normal', '<f4', 3), ('vertices', '<f4', (3, 3)), ('spare', '<u2')])
    return np.frombuffer(raw[84:], kind)['vertices'].reshape(-1, 3)


@pytest.mark.parametrize(
    'joint', ['type="ball"', 'type="hinge" pos="0 0 1"', 'type="hinge" ref="10"']
)
def test_joints_that_urdf_cannot_say_are_refused(joint: str) -> None:
    model = mujoco.MjModel.from_xml_string(
        f'<mujoco><worldbody><body><joint name="odd" {joint}/><geom size="1"/>'
        '<site name="tool"/></body></worldbody></mujoco>'
    )
    with pytest.raises(ConfigError, match='odd: got another joint'):
        RobotTree(model, 'robot', 'root')


def test_a_link_never_has_the_name_of_the_root() -> None:
    task = make_task('sim_ur5e')
    robot = parse(task.robot_tree('base'))
    task.close()
    links = [link.get('name') for link in robot.iter('link')]
    assert links[:2] == ['base', 'base_link']
