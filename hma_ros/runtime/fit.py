# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Does a bundle fit a robot: the same numbers, at the same rate, from images of the same size?"""

from __future__ import annotations

from collections.abc import Iterator

from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.errors import BundleError
from hma_ros.core.short_text import first_few, quoted, shortened
from hma_ros.runtime.manifest import SIZE_REMEDY, Manifest

_REMEDY = 'correct the file or choose another bundle'


def check_fit(spec: EmbodimentSpec, manifest: Manifest) -> None:
    """
    Compare the embodiment with the stem that shall serve it.

    :raises BundleError: other actions, or another meaning of their numbers, other joints, stride,
        frame rate or image size than the stem was trained on; or no such stem.
    """
    for text, remedy in misfits(spec, manifest):
        raise BundleError(f'{spec.path}: {text}; {remedy}')


def serving_stem(spec: EmbodimentSpec, manifest: Manifest) -> str:
    """
    Name the stem that was trained on a robot: the one its file names, or the first that fits.

    :raises BundleError: there is none, or its actions, what they mean, joints or rate differ.
    """
    served = manifest.robots
    trained = [name for name in served if served[name].embodiment == spec.name]
    if not trained:
        robots = first_few([robot.embodiment for robot in served.values()]) or 'no robot'
        raise BundleError(
            f'{manifest.folder}: got a bundle that serves {robots}, expected a stem for '
            f'{spec.name}; fine-tune a model to it with `hma finetune`, or choose another bundle'
        )
    trained.sort(key=lambda name: name != spec.stem)
    for name in trained:
        if not any(served[name].differences(spec)):
            return name
    key, got, expected = next(served[trained[0]].differences(spec))
    raise BundleError(
        f'{spec.path}: {_differing(key, got, expected, trained[0], manifest)}; {_REMEDY}'
    )


def misfits(spec: EmbodimentSpec, manifest: Manifest) -> Iterator[tuple[str, str]]:
    """
    Yield every difference that keeps a bundle from serving an embodiment, and what to do.

    :raises BundleError: no such stem, one without a robot, or no frame tokenizer.
    """
    stem = manifest.robot(spec.stem)
    for key, got, expected in stem.differences(spec):
        yield _differing(key, got, expected, spec.stem, manifest), _REMEDY
    if difference := manifest.size_difference(spec.camera.resize):
        yield difference, SIZE_REMEDY


def _differing(key: str, got: object, expected: object, stem: str, manifest: Manifest) -> str:
    return (
        f'{key}: got {_shown(got)}, expected {_shown(expected)} of the stem {stem!r} in '
        f'{manifest.folder}'
    )


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return shortened(list(value))
    return 'none' if value is None else quoted(value)
