# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The links and joints of a simulated robot: as URDF, and where each link is.

Objects of the task are no part of it. Frames are 4 x 4 transforms, parent from child.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from hma_ros.core.errors import ConfigError
from hma_ros.core.vision.placement import Placement

Frame = NDArray[np.float64]

# Higher groups are collision shapes, which the camera does not see either.
_LAST_VISIBLE_GROUP = 2
_KINDS = {
    int(mujoco.mjtJoint.mjJNT_HINGE): 'revolute',
    int(mujoco.mjtJoint.mjJNT_SLIDE): 'prismatic',
}


class Shape(NamedTuple):
    """Something to draw: its frame in the link, the URDF element and its attributes."""

    origin: Frame
    element: str
    attributes: dict[str, str]
    rgba: tuple[float, ...]


@dataclass(frozen=True)
class Link:
    """
    A link, and the joint that leads to it from its parent.

    ``origin`` is where the joint is in the parent; ``joint`` is -1 for a fixed one, else the
    number of the joint in the model.
    """

    name: str
    parent: str
    origin: Frame
    joint: int = -1
    shapes: tuple[Shape, ...] = ()


class RobotTree:
    """
    The robot of a compiled scene.

    :param model: the scene; the robot carries the site ``tool``.
    :param name: of the robot.
    :param root: name of the frame in which the robot stands, the world of the simulator.
    :raises ConfigError: the robot has a joint or a shape that URDF cannot say.
    """

    def __init__(self, model: mujoco.MjModel, name: str, root: str) -> None:
        self._model = model
        self.name, self.root = name, root
        self.links = [
            link for body in _robot_bodies(model) for link in _body_links(model, body, root)
        ]
        site = model.site('tool')
        tool = _frame(site.pos, site.quat)
        self.links.append(Link('tool', _link_name(model, site.bodyid[0], root), tool))

    def urdf(self) -> str:
        """Return the URDF; meshes are named by ``file://`` and their absolute path."""
        robot = ET.Element('robot', name=self.name)
        ET.SubElement(robot, 'link', name=self.root)
        for link in self.links:
            element = ET.SubElement(robot, 'link', name=link.name)
            for shape in link.shapes:
                _add_visual(element, shape)
            self._add_joint(robot, link)
        ET.indent(robot)
        return ET.tostring(robot, encoding='unicode')

    def placements(self, qpos: NDArray[np.float64], fixed: bool) -> list[Placement]:
        """
        Return where links are in their parents.

        :param qpos: ``float64[nq]`` of the scene.
        :param fixed: whether those that never move are wanted, or the others.
        """
        return [
            placement(link.name, link.parent, link.origin @ self._motion(link.joint, qpos))
            for link in self.links
            if (link.joint < 0) == fixed
        ]

    def _motion(self, joint: int, qpos: NDArray[np.float64]) -> Frame:
        motion = np.eye(4)
        if joint < 0:
            return motion
        value, axis = qpos[self._model.jnt_qposadr[joint]], self._model.jnt_axis[joint]
        if self._model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_SLIDE:
            motion[:3, 3] = value * axis
            return motion
        quat_wxyz = np.zeros(4)
        mujoco.mju_axisAngle2Quat(quat_wxyz, axis, value)
        return _frame(np.zeros(3), quat_wxyz)

    def _add_joint(self, robot: ET.Element, link: Link) -> None:
        model = self._model
        fixed = link.joint < 0
        name = f'{link.name}_fixed' if fixed else model.joint(link.joint).name
        kind = 'fixed' if fixed else _KINDS[int(model.jnt_type[link.joint])]
        if kind == 'revolute' and not model.jnt_limited[link.joint]:
            kind = 'continuous'
        joint = ET.SubElement(robot, 'joint', name=name, type=kind)
        _add_origin(joint, link.origin)
        ET.SubElement(joint, 'parent', link=link.parent)
        ET.SubElement(joint, 'child', link=link.name)
        if fixed:
            return
        ET.SubElement(joint, 'axis', xyz=_text(model.jnt_axis[link.joint]))
        if kind != 'continuous':
            lower, upper = model.jnt_range[link.joint]
            # Of the motion alone: efforts and velocities are the controller's.
            limits = {'lower': _text([lower]), 'upper': _text([upper])}
            ET.SubElement(joint, 'limit', limits, effort='0', velocity='0')


def placement(name: str, parent: str, frame: Frame) -> Placement:
    """Return a frame by its position and quaternion."""
    quat_wxyz = np.zeros(4)
    mujoco.mju_mat2Quat(quat_wxyz, frame[:3, :3].ravel())
    return Placement(name, parent, frame[:3, 3], np.roll(quat_wxyz, -1))


def _robot_bodies(model: mujoco.MjModel) -> Iterator[int]:
    """Yield the bodies that stand in the world: objects float, goals are moved by hand."""
    for body in range(1, model.nbody):
        root = model.body_rootid[body]
        first = model.body_jntadr[root]
        floats = first >= 0 and model.jnt_type[first] == mujoco.mjtJoint.mjJNT_FREE
        if model.body_mocapid[root] < 0 and not floats:
            yield body


def _link_name(model: mujoco.MjModel, body: int, root: str) -> str:
    name = model.body(body).name if body else root
    return f'{name}_link' if body and name == root else name


def _body_links(model: mujoco.MjModel, body: int, root: str) -> list[Link]:
    """Return the links of a body: one, and one without shapes for each joint but the last."""
    name = _link_name(model, body, root)
    parent = _link_name(model, model.body_parentid[body], root)
    first = model.body_jntadr[body]
    joints = range(first, first + model.body_jntnum[body])
    origin = _frame(model.body_pos[body], model.body_quat[body])
    links = []
    for joint in joints:
        _check_joint(model, joint)
        joined = f'{name}_{model.joint(joint).name}' if joint != joints[-1] else name
        links.append(Link(joined, parent, origin, joint))
        parent, origin = joined, np.eye(4)
    if not links:
        links.append(Link(name, parent, origin))
    links[-1] = replace(links[-1], shapes=tuple(_shapes(model, body)))
    return links


def _check_joint(model: mujoco.MjModel, joint: int) -> None:
    start = model.qpos0[model.jnt_qposadr[joint]]
    if int(model.jnt_type[joint]) not in _KINDS or model.jnt_pos[joint].any() or start:
        raise ConfigError(
            f'{model.joint(joint).name}: got another joint, expected a hinge or slide at the '
            'origin of its body that starts at zero; URDF cannot say others'
        )


def _shapes(model: mujoco.MjModel, body: int) -> Iterator[Shape]:
    first = model.body_geomadr[body]
    for geom in range(first, first + model.body_geomnum[body]):
        if model.geom_group[geom] > _LAST_VISIBLE_GROUP:
            continue
        material = model.geom_matid[geom]
        rgba = model.mat_rgba[material] if material >= 0 else model.geom_rgba[geom]
        frame = _frame(model.geom_pos[geom], model.geom_quat[geom])
        for offset, element, attributes in _geometry(model, geom):
            yield Shape(frame @ offset, element, attributes, tuple(rgba.tolist()))


def _geometry(model: mujoco.MjModel, geom: int) -> list[tuple[Frame, str, dict[str, str]]]:
    size, kind = model.geom_size[geom], model.geom_type[geom]
    if kind == mujoco.mjtGeom.mjGEOM_MESH:
        return [_mesh(model, model.geom_dataid[geom])]
    if kind == mujoco.mjtGeom.mjGEOM_BOX:
        return [(np.eye(4), 'box', {'size': _text(2 * size)})]
    ball = {'radius': _text(size[:1])}
    if kind == mujoco.mjtGeom.mjGEOM_SPHERE:
        return [(np.eye(4), 'sphere', ball)]
    tube = (np.eye(4), 'cylinder', {**ball, 'length': _text(2 * size[1:2])})
    if kind == mujoco.mjtGeom.mjGEOM_CYLINDER:
        return [tube]
    if kind == mujoco.mjtGeom.mjGEOM_CAPSULE:
        # URDF has none.
        return [tube, *((_shifted(sign * size[1]), 'sphere', ball) for sign in (-1, 1))]
    raise ConfigError(
        f'{model.body(model.geom_bodyid[geom]).name}: got a shape of type {kind}, expected mesh, '
        'box, sphere, cylinder or capsule; URDF has no others'
    )


def _mesh(model: mujoco.MjModel, mesh: int) -> tuple[Frame, str, dict[str, str]]:
    """Name the file; MuJoCo has moved its vertices into their principal axes."""
    start = model.mesh_pathadr[mesh]
    path = model.paths[start : model.paths.index(b'\0', start)].decode()
    attributes = {'filename': f'file://{path}', 'scale': _text(model.mesh_scale[mesh])}
    moved = np.linalg.inv(_frame(model.mesh_pos[mesh], model.mesh_quat[mesh]))
    return moved.astype(np.float64), 'mesh', attributes


def _frame(xyz: NDArray[np.float64], quat_wxyz: NDArray[np.float64]) -> Frame:
    frame, rotation = np.eye(4), np.zeros(9)
    mujoco.mju_quat2Mat(rotation, quat_wxyz)
    frame[:3, :3], frame[:3, 3] = rotation.reshape(3, 3), xyz
    return frame


def _shifted(z: float) -> Frame:
    frame = np.eye(4)
    frame[2, 3] = z
    return frame


def _add_visual(link: ET.Element, shape: Shape) -> None:
    visual = ET.SubElement(link, 'visual')
    _add_origin(visual, shape.origin)
    ET.SubElement(ET.SubElement(visual, 'geometry'), shape.element, shape.attributes)
    rgba = _text(shape.rgba)
    # Equal names mean equal colours in the whole file.
    material = ET.SubElement(visual, 'material', name=f'rgba_{rgba.replace(" ", "_")}')
    ET.SubElement(material, 'color', rgba=rgba)


def _add_origin(parent: ET.Element, frame: Frame) -> None:
    ET.SubElement(parent, 'origin', xyz=_text(frame[:3, 3]), rpy=_text(_rpy(frame)))


def _rpy(frame: Frame) -> tuple[float, float, float]:
    """Return roll, pitch, yaw about fixed axes; yaw is 0 where the pitch is a right angle."""
    across = float(np.hypot(frame[0, 0], frame[1, 0]))
    pitch = float(np.arctan2(-frame[2, 0], across))
    if across < 1e-9:
        return float(np.arctan2(-frame[1, 2], frame[1, 1])), pitch, 0.0
    roll = float(np.arctan2(frame[2, 1], frame[2, 2]))
    return roll, pitch, float(np.arctan2(frame[1, 0], frame[0, 0]))


def _text(values: object) -> str:
    # Adding zero turns -0.0 into 0.0.
    numbers = np.round(np.ravel(np.asarray(values, np.float64)), 12) + 0.0
    return ' '.join(f'{number:.12g}' for number in numbers)
