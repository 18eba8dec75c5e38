# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Find and read embodiment files."""

import os
import sys
from pathlib import Path

from hma_ros.core.embodiment import bounds
from hma_ros.core.embodiment.build import build_embodiment
from hma_ros.core.embodiment.parse import parse_mapping, read_text
from hma_ros.core.embodiment.section import parse_yaml
from hma_ros.core.embodiment.spec import EmbodimentSpec
from hma_ros.core.errors import EmbodimentError
from hma_ros.core.short_text import quoted

_FOLDER = Path('config') / 'embodiments'


def embodiment_folder() -> Path:
    """
    Return the folder of the embodiment files: the source tree's, else the installed one.

    :raises EmbodimentError: neither exists.
    """
    prefixes = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
    roots = [Path(__file__).resolve().parents[3]]
    roots += [Path(prefix) / 'share' / 'hma_ros' for prefix in [*prefixes, sys.prefix] if prefix]
    for root in roots:
        if (root / _FOLDER).is_dir():
            return root / _FOLDER
    looked_in = ', '.join(str(root / _FOLDER) for root in roots)
    raise EmbodimentError(f'embodiments: got none of {looked_in}, expected a folder {_FOLDER}')


def available_embodiments() -> tuple[str, ...]:
    """Return the names of all embodiments, sorted; the simulated ones start with ``sim_``."""
    return tuple(sorted(path.stem for path in embodiment_folder().glob('*.yaml')))


def embodiment_path(robot: str, sim: bool) -> Path:
    """
    Return the file of a robot, or of its simulated twin.

    :param robot: name without the ``sim_`` prefix, e.g. ``ur5e``, or the path of a YAML file,
        which is returned whatever ``sim`` is.
    :param sim: whether the simulated robot is meant.
    :raises EmbodimentError: there is no robot of this name; the text lists those there are.
    """
    if robot.endswith('.yaml'):
        return Path(robot).absolute()
    return _named_path(f'sim_{robot}' if sim else robot)


def load_embodiment(name_or_path: str | Path) -> EmbodimentSpec:
    """
    Read and check one embodiment.

    :param name_or_path: a name such as ``sim_ur5e``, or the path of a YAML file.
    :raises EmbodimentError: missing, malformed, contradictory, or beyond the bounds of
        :mod:`hma_ros.core.embodiment.bounds`; the text names file, key, value and expectation.
    """
    is_path = isinstance(name_or_path, Path) or str(name_or_path).endswith('.yaml')
    path = Path(name_or_path) if is_path else _named_path(str(name_or_path))
    label = _label(path)
    return build_embodiment(parse_yaml(read_text(path, label), label), path)


def parse_embodiment(text: str, where: str) -> EmbodimentSpec:
    """
    Check the text of an embodiment file that was kept elsewhere, such as in a bag.

    :param where: what holds it, for errors; ``path`` of the result is below it.
    :raises EmbodimentError: as :func:`load_embodiment`.
    """
    if len(text) > bounds.FILE_BYTES:
        raise EmbodimentError(
            f'{where}: got more than {bounds.FILE_BYTES} characters, expected an embodiment file'
        )
    name = parse_mapping(text, where).get('name')
    return build_embodiment(parse_yaml(text, where), Path(where) / f'{name}.yaml')


def _named_path(name: str) -> Path:
    names = available_embodiments()
    if name not in names:
        raise EmbodimentError(
            f'embodiment: got {quoted(name)}, expected one of {", ".join(names)}, '
            f'or the path of a YAML file{_suggestion(name)}'
        )
    return embodiment_folder() / f'{name}.yaml'


def _suggestion(name: str) -> str:
    """Name the file that was meant, if it is in the working directory."""
    file = f'{name}.yaml'
    is_there = os.path.isfile(file)  # noqa: PTH113 - the name may be no path at all
    return f'; for the file of that name give {file}' if is_there else ''


def _label(path: Path) -> str:
    is_shipped = path.parent.parts[-2:] == _FOLDER.parts
    return str(_FOLDER / path.name) if is_shipped else str(path)
