# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What surrounds the robots: camera, lights, table, blocks and goals, added to an ``MjSpec``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np

ASSETS = Path(__file__).parent / 'assets'
# Contact bits: the tool touches objects and the table, objects touch each other and the table,
# and the links of the arm touch nothing.
TOOL_BIT = 1
OBJECT_BIT = 2
# Longer than any ball is high: the rest is below the top of the table, out of sight.
_POST_M, _POST_RADIUS_M = 0.22, 0.005
Rgba = tuple[float, float, float, float]
Vector3 = tuple[float, float, float]


@dataclass(frozen=True)
class View:
    """
    A camera and the colours around it.

    :param position: camera position [m].
    :param look_at: point in the middle of the image [m].
    :param fovy_deg: vertical field of view.
    :param background: colour of the floor.
    """

    position: Vector3
    look_at: Vector3
    fovy_deg: float
    background: Rgba


@dataclass(frozen=True)
class TableTop:
    """A table whose top is at z = 0; centre and half sizes in metres."""

    centre: tuple[float, float]
    half_size: tuple[float, float]
    rgba: Rgba


def load_robot(name: str) -> mujoco.MjSpec:
    """Load a robot of ``assets`` whose links touch nothing."""
    spec = mujoco.MjSpec.from_file(str(ASSETS / name / 'robot.xml'))
    for geom in spec.geoms:
        geom.contype, geom.conaffinity = 0, 0
    return spec


def add_surroundings(spec: mujoco.MjSpec, view: View, table: TableTop, timestep_s: float) -> None:
    """Add physics options, light, floor, table and the camera ``main``."""
    option = spec.option
    option.timestep = timestep_s
    option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    option.impratio = 5
    _add_light(spec)
    world = spec.worldbody
    world.add_geom(
        name='floor',
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[40, 40, 0.1],
        pos=[0, 0, -0.5],
        rgba=view.background,
        contype=0,
        conaffinity=0,
    )
    world.add_geom(
        name='table',
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=[*table.half_size, 0.02],
        pos=[*table.centre, -0.02],
        rgba=table.rgba,
        contype=OBJECT_BIT,
        conaffinity=TOOL_BIT | OBJECT_BIT,
        friction=[0.5, 0.01, 0.001],
    )
    world.add_camera(
        name='main',
        pos=view.position,
        fovy=view.fovy_deg,
        xyaxes=_image_axes(np.array(view.position), np.array(view.look_at)),
    )


def _add_light(spec: mujoco.MjSpec) -> None:
    """Weak light without highlights: white arms stay below saturation."""
    headlight = spec.visual.headlight
    headlight.ambient, headlight.diffuse, headlight.specular = [0.38] * 3, [0.22] * 3, [0] * 3
    spec.visual.quality.offsamples = 0
    spec.visual.quality.numslices, spec.visual.quality.numstacks = 14, 8
    spec.visual.map.znear, spec.visual.map.zfar = 0.02, 20
    spec.worldbody.add_light(
        pos=[0.2, -0.6, 2],
        dir=[0.1, 0.35, -1],
        diffuse=[0.38] * 3,
        specular=[0.05] * 3,
        castshadow=False,
    )


def _image_axes(position: np.ndarray, look_at: np.ndarray) -> list[float]:
    """Return right and up of a camera without roll; straight down, up is +x."""
    forward = look_at - position
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, [0, 0, 1])
    length = np.linalg.norm(right)
    right = np.array([0, -1.0, 0]) if length < 1e-6 else right / length
    return [*right, *np.cross(right, forward)]


def project(view: View, points_N3: np.ndarray, size: int) -> np.ndarray:
    """
    Return where points are in a square image.

    :param points_N3: ``float[N, 3]`` [m], before the camera.
    :param size: width and height of the image [px].
    :returns: ``float64[N, 2]``, x to the right and y down [px].
    """
    position, look_at = np.array(view.position), np.array(view.look_at)
    right, up = np.reshape(_image_axes(position, look_at), (2, 3))
    away = np.asarray(points_N3, np.float64) - position
    depth = away @ -np.cross(right, up)
    focal_px = size / 2 / np.tan(np.radians(view.fovy_deg) / 2)
    shares = np.stack([away @ right, -(away @ up)], -1) / depth[:, None]
    projected: np.ndarray = size / 2 + focal_px * shares
    return projected


def add_block(
    spec: mujoco.MjSpec, half_size: Vector3, rgba: Rgba, mass: float, friction: float
) -> None:
    """Add the free body ``block``, a box."""
    body = spec.worldbody.add_body(name='block', pos=[0.5, 0, half_size[2]])
    body.add_freejoint(name='block')
    body.add_geom(
        name='block',
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=half_size,
        rgba=rgba,
        mass=mass,
        contype=OBJECT_BIT,
        conaffinity=TOOL_BIT | OBJECT_BIT,
        friction=[friction, 0.01, 0.001],
        condim=4,
        solref=[0.01, 1],
    )


def add_disc(spec: mujoco.MjSpec, radius: float, rgba: Rgba) -> None:
    """Add the movable mark ``goal``, a flat disc on the table."""
    body = spec.worldbody.add_body(name='goal', mocap=True)
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_CYLINDER,
        size=[radius, 0.0015, 0],
        rgba=rgba,
        contype=0,
        conaffinity=0,
    )


def add_ball(spec: mujoco.MjSpec, radius: float, rgba: Rgba) -> None:
    """
    Add the movable mark ``goal``, a ball on a post.

    Where the post meets the table tells a single camera how far away the ball is.
    """
    body = spec.worldbody.add_body(name='goal', mocap=True)
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_CYLINDER,
        fromto=[0, 0, 0, 0, 0, -_POST_M],
        size=[_POST_RADIUS_M, 0, 0],
        rgba=(0.93, 0.93, 0.90, 1),
        contype=0,
        conaffinity=0,
    )
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[radius, 0, 0], rgba=rgba, contype=0, conaffinity=0
    )


def set_lag(actuators: Iterable[mujoco.MjsActuator], lag_s: float) -> None:
    """
    Make position actuators follow a moving target with the same delay.

    A position actuator with gain kp and damping kv trails a ramp by kv / kp seconds. The delay
    is kept well below one step, so that what the camera sees is where the commands have led.
    """
    for actuator in actuators:
        actuator.biasprm[2] = actuator.biasprm[1] * lag_s
