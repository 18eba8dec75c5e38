# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Data sets of others to episodes of ours, by the rules of bags.

Each of their frames is an image and a joint state of the same stamp, and their actions are the
reports of an executor: what follows is as in :mod:`hma_ros.data.bag_steps`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.control.pose_actions import composed_increment
from hma_ros.core.embodiment.spec import ROTATIONS, EmbodimentSpec
from hma_ros.core.errors import ConfigError, MessageError
from hma_ros.core.pool import SERIAL, Pool
from hma_ros.core.short_text import first_few, quoted
from hma_ros.core.units import NS_PER_S
from hma_ros.data.bag_steps import Mark
from hma_ros.data.column_map import ColumnMap
from hma_ros.data.episode_cutter import EpisodeCutter
from hma_ros.data.episode_source import ACTION, STATE, EpisodeSource
from hma_ros.data.imported_source import ImportedSource, identity, imported_before, imported_now
from hma_ros.data.lerobot_writer import LeRobotWriter
from hma_ros.data.parallel_import import joined, read_parts
from hma_ros.data.step_alignment import Drop, StepAlignment
from hma_ros.data.steps import Step
from hma_ros.data.topic_counts import TopicCounts

MEASURED = 'measured'
_TO_RAD = 'give --state and --action as "COLUMN*0.01745,..."'
# Stamps of an episode begin here: 0 is no stamp.
_START_NS = NS_PER_S


@dataclass(frozen=True)
class FieldMap:
    """
    Which fields of a data set are which of the robot.

    :param camera: key of the images; empty where there is only one.
    :param state: what the joints are, see :class:`ColumnMap`; empty for their own names.
    :param action: what the actions are, likewise, or ``measured``: derived from the joints.
    """

    camera: str = ''
    state: str = ''
    action: str = ''


def import_episodes(
    source: EpisodeSource, writer: LeRobotWriter, mapping: FieldMap, pool: Pool = SERIAL
) -> ImportedSource:
    """
    Append the episodes of a data set; it is skipped if it was imported before.

    An episode that cannot be read, such as one whose record or video is damaged, is left out and
    named in the facts; an image that is broken drops its step.

    :param pool: reads the episodes.
    :raises ConfigError: the data set contradicts itself or the embodiment, was imported with other
        options, or nothing is left.
    """
    options = {**asdict(mapping), **source.options}
    source_id = identity(source.folder, source.pattern)
    before = imported_before(source.folder, source_id, writer, options)
    if before is not None:
        return before
    parts = [source] if pool.is_serial else list(source.parts()) or [source]
    reads = (partial(_read, part, mapping) for part in parts)
    with closing(read_parts(reads, writer, pool)) as found:
        facts = joined(list(found))
    if not writer.finished:
        reason = next(iter(facts['left_out']), facts['first_drop'])
        raise ConfigError(f'{reason or f"{source.folder}: got no two steps"}; no episode is left')
    known = {'source': source_id, 'options': options}
    return imported_now(source.folder, writer, {**known, **facts})


def _read(source: EpisodeSource, mapping: FieldMap, writer: LeRobotWriter) -> dict[str, Any]:
    reader = _Reader(source, writer.spec, mapping)
    cutter, left_out = EpisodeCutter(writer, has_marks=True), list[str]()
    for episode in source.episodes:
        cutter.take(Mark(0, 'begin'))
        try:
            for step in reader.steps(episode):
                cutter.take(step)
        except MessageError as error:
            cutter.take(Mark(0, 'discard'))
            left_out.append(f'{episode.label}: {error}')
            continue
        result = source.success(episode)
        if result is not None:
            cutter.take(Mark(0, 'succeed' if result else 'fail'))
    cutter.close()
    return {**reader.facts(), **cutter.facts(), 'left_out': left_out}


class _Reader:
    """Reads episodes with one mapping, and counts."""

    def __init__(self, source: EpisodeSource, spec: EmbodimentSpec, mapping: FieldMap) -> None:
        self._source, self._spec = source, spec
        self._camera = self._find_camera(mapping.camera)
        self._check_camera()
        self._state = ColumnMap(
            spec.state.joints, mapping.state, source.feature(STATE), self._label(STATE, '--state')
        )
        self._action: ColumnMap | None = None
        if mapping.action == MEASURED and spec.action.is_cartesian:
            raise ConfigError(
                f'{source.folder}: --action: got {MEASURED}, expected names: no such data set has '
                f'the poses of the tool that {spec.path} needs'
            )
        if mapping.action != MEASURED:
            feature = source.feature(ACTION)
            names = spec.action.names
            self._action = ColumnMap(
                names, mapping.action, feature, self._label(ACTION, '--action')
            )
        self._per_action = self._check_rates()
        self.counts = {key: TopicCounts() for key in (self._camera, STATE)}
        self._origins: Counter[str] = Counter()

    def facts(self) -> dict[str, Any]:
        return {
            'is_truncated': False,
            'topics': {key: item.facts() for key, item in self.counts.items()},
            'origins': dict(self._origins),
        }

    def steps(self, episode: Any) -> Iterator[Step | Drop]:
        where = f'{self._source.folder}: {episode.label}'
        has_actions = self._action is not None
        alignment = StepAlignment(self._spec, lambda read: read(), has_actions, where, _TO_RAD)
        window: deque[tuple[int, NDArray[np.float64]]] = deque(maxlen=self._window)
        columns = (STATE, *([] if self._action is None else [ACTION]))
        frames = self._source.frames(episode, self._camera, columns)
        for index, frame in enumerate(frames):
            stamp = _START_NS + round(index * NS_PER_S / self._source.fps)
            alignment.now_ns = stamp
            place = f'{episode.label}: frame {index}'
            self._add_joints(alignment, stamp, frame.columns[STATE], place)
            self.counts[self._camera].messages += 1
            alignment.offer_image(stamp, frame.read)
            if self._action is not None:
                window.append((stamp, self._action.take(frame.columns[ACTION])))
                if len(window) == self._window:
                    alignment.executed.report(window[0][0], self._executed(window))
            yield from alignment.steps()
        yield from alignment.steps(is_end=True)
        self._origins.update(alignment.origins)

    @property
    def _window(self) -> int:
        return self._spec.rates.stride * self._per_action

    def _executed(self, window: deque[tuple[int, NDArray[np.float64]]]) -> NDArray[np.float64]:
        """Return the actions of a step: increments are composed, of targets the last counts."""
        action = self._spec.action
        parts = np.stack([taken for _, taken in window])
        parts = parts.reshape(self._spec.rates.stride, self._per_action, -1)
        actions: NDArray[np.float64] = parts[:, -1].copy()
        if action.is_delta and self._per_action > 1:
            width = len(action.coordinates) + ROTATIONS.get(action.rotation or '', 0)
            for one, several in zip(actions, parts[:, :, :width], strict=True):
                one[:width] = _composed(self._spec, several)
        return actions

    def _add_joints(
        self, alignment: StepAlignment, stamp: int, state: NDArray[np.float64], where: str
    ) -> None:
        counts = self.counts[STATE]
        counts.messages += 1
        joints = dict(zip(self._spec.state.joints, self._state.take(state), strict=True))
        for place, item in enumerate(self._spec.state.sources):
            values = [joints[name] for name in item.joints]
            try:
                alignment.measured.add_joints(place, stamp, item.message_names, values)
            except MessageError as error:
                counts.note_fault(f'{where}: {error}')

    def _find_camera(self, wanted: str) -> str:
        there = self._source.cameras()
        if wanted in there or (not wanted and len(there) == 1):
            return wanted or there[0]
        if wanted:
            got, expected = quoted(wanted), f'one of {first_few(there)}' if there else 'no images'
        else:
            got, expected = first_few(there) or 'none', 'a single camera, or the name of one'
        raise ConfigError(f'{self._source.folder}: --camera: got {got}, expected {expected}')

    def _check_camera(self) -> None:
        feature, camera = self._source.feature(self._camera), self._spec.camera
        height, width = _size(feature.shape)
        is_open = height < 0 or width < 0  # Any size: each image is checked.
        if not is_open and (height, width) != (camera.height, camera.width):
            raise ConfigError(
                f'{self._source.label(self._camera)}: got images of {width}x{height}, '
                f'expected {camera.width}x{camera.height}; set camera.width, camera.height and '
                f'camera.crop of {self._spec.path}'
            )

    def _check_rates(self) -> int:
        """Return how many of their actions are one of ours."""
        rates, fps, age_s = self._spec.rates, self._source.fps, self._spec.state.max_age_s
        # Else nobody knows what was executed between two measurements.
        is_dense = 1.0 / fps <= age_s + 1e-6
        needs = f'a state.max_age_s of at least {1.0 / fps:.3g} s, the spacing of the joints'
        ours = rates.frame_hz * (1 if self._action is None else rates.stride)
        ratio = fps / ours
        is_whole = abs(ratio - round(ratio)) < 1e-6 and ratio >= 1
        if self._action is not None and not is_whole:
            raise ConfigError(
                f'{self._source.rate_label}: got {fps:g}, expected a multiple of {ours:g} '
                f'(rates.frame_hz x rates.stride of {self._spec.path})'
                f', or --action {MEASURED}{"" if is_dense else f" with {needs}"}'
            )
        if ratio < 1:
            raise ConfigError(
                f'{self._source.rate_label}: got {fps:g}, expected at least {ours:g} '
                f'(rates.frame_hz of {self._spec.path})'
            )
        if self._action is None and not is_dense:
            raise ConfigError(
                f'{self._source.rate_label}: --action {MEASURED}: got a state.max_age_s of '
                f'{age_s:g} s in {self._spec.path}, expected {needs}'
            )
        return max(1, round(ratio)) if self._action is not None else 1

    def _label(self, key: str, option: str) -> str:
        return f'{self._source.label(key)}: {option}'


def _composed(spec: EmbodimentSpec, actions_PN: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return one increment of several; a number that is none stays one, and drops the step."""
    if spec.action.rotation is None or not np.isfinite(actions_PN).all():
        total: NDArray[np.float64] = actions_PN.sum(0)
        return total
    return composed_increment(spec, actions_PN)


def _size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return height and width of an image, with the channels first or last."""
    if len(shape) != 3:
        return 0, 0
    return (shape[1], shape[2]) if shape[0] in (1, 3) and shape[2] not in (1, 3) else shape[:2]
