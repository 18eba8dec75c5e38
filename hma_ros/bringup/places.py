# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Where configuration, bundles and caches are, and the network settings that come with them."""

from collections.abc import Mapping
from pathlib import Path

from hma_ros.core.embodiment import available_embodiments, embodiment_folder
from hma_ros.core.errors import BundleError, ConfigError

FASTDDS_VARIABLES = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')


def share_folder() -> Path:
    """Return the folder that holds config, models and rviz: the checkout, or share/hma_ros."""
    return embodiment_folder().parent.parent


def robots(sim: bool) -> tuple[str, ...]:
    """Return the robots that can run for real, or in simulation."""
    names = available_embodiments()
    if sim:
        return tuple(name.removeprefix('sim_') for name in names if name.startswith('sim_'))
    return tuple(name for name in names if not name.startswith('sim_'))


def bundle_folder(name_or_path: str) -> Path:
    """
    Find a bundle.

    :param name_or_path: a folder, or the name of one in ``models/`` of the package or of the
        working directory; the first of these that has a manifest.json.
    :raises BundleError: none has.
    """
    models = [share_folder() / 'models']
    if not (Path('models').is_dir() and models[0].is_dir() and models[0].samefile('models')):
        models.append(Path('models'))
    for folder in (Path(), *models):
        if (folder / name_or_path / 'manifest.json').is_file():
            return (folder / name_or_path).resolve()
    raise BundleError(
        f'bundle: got {name_or_path!r}, expected a folder with manifest.json, or one of those in '
        + ' or '.join(f'{folder} ({_bundles(folder)})' for folder in models)
    )


def folder_or_bundle(name_or_path: str) -> Path:
    """Return a folder as it is, else find a bundle of that name; raises BundleError if none is."""
    return Path(name_or_path) if Path(name_or_path).is_dir() else bundle_folder(name_or_path)


def _bundles(models: Path) -> str:
    names = sorted(path.parent.name for path in models.glob('*/manifest.json'))
    return ', '.join(names) or 'none'


def loopback_environment(present: Mapping[str, str]) -> dict[str, str]:
    """
    Return the variables that keep Fast DDS on this machine.

    :param present: the environment; its ``ROS_DISTRO`` says which name Fast DDS reads.

    :raises ConfigError: the profile is missing; without it the traffic would leave the machine.
    """
    profile = share_folder() / 'config' / 'fastdds_loopback.xml'
    if not profile.is_file():
        raise ConfigError(f'Fast DDS profile: got no {profile}, expected a file')
    # The old name draws a warning from every process where the new one is known.
    name = FASTDDS_VARIABLES[present.get('ROS_DISTRO') in ('humble', 'jazzy')]
    return {name: str(profile), 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'SYSTEM_DEFAULT'}
