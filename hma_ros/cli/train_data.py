# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What ``hma train --data`` and ``--embodiments`` name: robots, each with its episodes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hma_ros.core.embodiment import EmbodimentSpec, load_embodiment
from hma_ros.core.errors import ConfigError
from hma_ros.core.short_text import counted
from hma_ros.data.shards import find_shards, is_one_robot

if TYPE_CHECKING:
    from hma_ros.data.episodes import Episodes

# Default of --data.
FOLDER = Path('data')
# Robots of the simulator.
EMBODIMENTS = ('sim_franka', 'sim_ur5e', 'sim_so101', 'sim_planar')
_TRAIN = 'train'


@dataclass(frozen=True)
class Robot:
    """
    One robot to train on.

    :param spec: its embodiment file.
    :param roots: folders that may have its episodes, as ``ROOT/ROBOT/train``.
    :param folders: data sets of ``hma data import``, and episodes of one split, that are its own.
    """

    spec: EmbodimentSpec
    roots: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """Name of the embodiment."""
        return self.spec.name

    @property
    def stem(self) -> str:
        """Name of its stem."""
        return self.spec.stem

    @property
    def places(self) -> list[Path]:
        """Folders that have episodes of it."""
        generated = (root / self.name / _TRAIN for root in self.roots)
        return [at for at in generated if any(at.glob('**/metadata.json'))] + [*self.folders]

    @property
    def where(self) -> str:
        """These folders in words."""
        return ', '.join(map(str, self.places))

    @property
    def acts_in_simulator(self) -> bool:
        """Whether its policy can be corrected there: all of its episodes were made there."""
        from hma_ros.data.imported_episodes import is_data_set

        return self.name in EMBODIMENTS and not any(map(is_data_set, self.places))

    @cached_property
    def demonstrations(self) -> Episodes:
        """
        Episodes for a model, of data sets those that are demonstrations.

        :raises ConfigError: there are none, see :func:`~hma_ros.data.joined_episodes.open_all`.
        """
        return self._opened(every=False)

    @cached_property
    def recordings(self) -> Episodes:
        """All episodes, for their frames; raises ConfigError likewise."""
        return self._opened(every=True)

    def _opened(self, every: bool) -> Episodes:
        from hma_ros.data.episodes import EpisodeDataset
        from hma_ros.data.joined_episodes import open_all

        self.check_episodes()
        if len(self.roots) == 1 and not self.folders:
            return EpisodeDataset(find_shards(self.roots[0], self.name, _TRAIN))
        return open_all(self.places, every)

    def check_episodes(self) -> None:
        """Refuse a robot without any: ConfigError that says how to make them."""
        if not self.places:
            find_shards(self.roots[0], self.name, _TRAIN)


def chosen_robots(args: argparse.Namespace) -> list[Robot]:
    """
    Find the robots: those that are named, and those of the data sets.

    :raises ConfigError: a folder that is not there, a broken data set, a robot that is named and
        in no folder that could have it, or two robots of one stem.
    """
    sets = [folder for folder in args.data if is_one_robot(folder)]
    roots = tuple(folder for folder in args.data if folder not in sets)
    _check_there(args, roots)
    found = _of_sets(sets)
    robots = []
    for name in args.embodiments or (EMBODIMENTS if roots else ()):
        spec = load_embodiment(name)
        of_sets = found.pop(spec.name, None)
        _check_named(name, spec, roots, of_sets, sets)
        robots.append(_named(spec, roots, of_sets))
    robots += found.values()
    _check_stems(robots)
    return robots


def _of_sets(folders: Sequence[Path]) -> dict[str, Robot]:
    """Group data sets by the robot that their own embodiment file names."""
    from hma_ros.data.imported_episodes import is_data_set, open_episodes
    from hma_ros.data.lerobot_reader import LeRobotData

    robots: dict[str, Robot] = {}
    for folder in folders:
        spec = LeRobotData(folder).spec if is_data_set(folder) else open_episodes(folder).spec
        before = robots.get(spec.name, Robot(spec))
        robots[spec.name] = Robot(before.spec, (), (*before.folders, folder))
    return robots


def _named(spec: EmbodimentSpec, roots: tuple[Path, ...], of_sets: Robot | None) -> Robot:
    """Return a robot of --embodiments, with its data sets and the episodes beside them."""
    if of_sets is None:
        return Robot(spec, roots)
    return Robot(of_sets.spec, roots, of_sets.folders)


def _check_there(args: argparse.Namespace, roots: Sequence[Path]) -> None:
    """Refuse a folder that is not there, unless episodes are to be made in it."""
    for folder in roots:
        if not folder.is_dir() and args.what != 'all' and folder != FOLDER:
            raise ConfigError(
                f'--data: got {folder}, which is no folder, expected a data set of `hma data '
                'import`, or a folder with ROBOT/train of `hma generate`; correct the path'
            )


def _check_named(
    name: str,
    spec: EmbodimentSpec,
    roots: Sequence[Path],
    of_sets: Robot | None,
    sets: Sequence[Path],
) -> None:
    """Refuse a robot that no folder can have."""
    if of_sets is not None:
        return
    if not roots:
        raise ConfigError(
            f'--embodiments: got {name}, expected no other robot than those of the data sets '
            f'{", ".join(map(str, sets))}; leave it out, or give the folder of its episodes with '
            '--data too'
        )
    if name != spec.name:
        raise ConfigError(
            f'--embodiments: got {name}, expected the name of a file in config/embodiments, as '
            'folders of episodes have it; of another robot, record bags with `hma record`, import '
            'them with `hma data import`, and give that data set with --data'
        )


def _check_stems(robots: Sequence[Robot]) -> None:
    """Refuse two embodiments of one stem: their episodes would overwrite each other."""
    stems: dict[str, str] = {}
    for robot in robots:
        if robot.stem in stems:
            raise ConfigError(
                f'--{"data" if robot.folders else "embodiments"}: {robot.name} has the stem '
                f'{robot.stem!r} of {stems[robot.stem]}, expected a stem of its own; give one of '
                'them another name in its embodiment file'
                + (', and import it again' if robot.folders else '')
            )
        stems[robot.stem] = robot.name


def prepare_episodes(args: argparse.Namespace, counts: dict[str, int]) -> None:
    """
    Make the episodes that are missing, if all is to be done and the simulator has the robot.

    :param counts: of each kind, to make of a robot.
    :raises ConfigError: some are missing and cannot be made; raised before any is made.
    """
    missing = [robot for robot in args.robots if not robot.places]
    for robot in missing:
        if args.what != 'all' or robot.name not in EMBODIMENTS:
            robot.check_episodes()
    if missing:
        from hma_ros.sim.generate import generate

        names = ', '.join(robot.name for robot in missing)
        print(f'{missing[0].roots[0]}: no episodes of {names}; the simulator makes them')
        for robot in missing:
            generate(robot.name, robot.roots[0] / robot.name, counts, workers=args.workers)


def tell(robots: Sequence[Robot], every: bool) -> None:
    """Print of each robot that has data sets what is learned from, and what is left out."""
    for robot in robots:
        if robot.folders:
            dataset = robot.recordings if every else robot.demonstrations
            print(*data_summary(robot.where, dataset, every), sep='\n  ')


def data_summary(where: str, dataset: Episodes, every: bool = False) -> Iterator[str]:
    """
    Say what is learned from, and what is left out.

    :param every: whether frames alone are learned, of all episodes.
    """
    from hma_ros.data.synthetic_writer import imagined_by

    steps, episodes = sum(item.steps for item in dataset), counted(len(dataset), 'episode')
    of = counted(steps + len(dataset), 'frame') if every else counted(steps, 'step')
    yield f'{where}: {episodes}, {of} of {dataset.embodiment}'
    for why, count in getattr(dataset, 'left_out', {}).items():
        if count:
            yield f'left out: {counted(count, "episode")} {why}'
    yield from imagined_by(dataset.synthetic)
    if every:
        yield 'failed and unfinished episodes too: the tokenizer learns frames alone'
    elif unmarked := getattr(dataset, 'unmarked', 0):
        yield f'of bags without marks, taken whole as demonstrations: {unmarked}'


def facts_of(robots: Sequence[Robot], every: bool) -> list[dict[str, Any]]:
    """Say what was learned from, for the provenance of a run."""
    from hma_ros.training.provenance import data_facts

    return [
        data_facts(robot.where, robot.recordings if every else robot.demonstrations)
        for robot in robots
    ]
