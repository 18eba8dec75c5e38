# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What is suspicious about a data set, in one pass over its steps."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.embodiment.spec import EmbodimentSpec
from hma_ros.core.short_text import counted, first_few
from hma_ros.data.camera_skew import MOST_LAG, lag_steps
from hma_ros.data.lerobot_reader import LeRobotData
from hma_ros.data.outcomes import UNMARKED, outcomes_of

_NS = 1e-9
# Dimensions that move less than this share of their range are constant.
_CONSTANT = 1e-4
# More of such steps than this share is a finding.
_FEW = 0.02
# As is a larger share of the steps of a source that were dropped.
_MOST_DROPPED = 0.2
# An action follows a joint if they correlate so well, and its own is worse by so much.
_FOLLOWS, _CLEARLY = 0.9, 0.3
_FEWEST_STEPS = 20
_FRAMES = 8


@dataclass
class EpisodeView:
    """
    What is kept of one episode.

    :param stamps_T: ``float64[T]`` seconds from its first frame.
    :param actions_TA: ``float32[T, A]``, the first low-level action of each step.
    :param joints_TJ: ``float32[T, J]``.
    :param change_T: ``float64[T - 1]`` mean absolute difference of neighbouring frames.
    :param frames: up to eight frames ``uint8[H, W, 3]``.
    :param drawn: their reconstructions by a frame tokenizer; none if no bundle was given.
    """

    stamps_T: NDArray[np.float64]
    actions_TA: NDArray[np.float32]
    joints_TJ: NDArray[np.float32]
    change_T: NDArray[np.float64]
    frames: list[NDArray[np.uint8]]
    drawn: list[NDArray[np.uint8]] = field(default_factory=list)


@dataclass
class Inspection:
    """Findings in words, and what the page shows."""

    episodes: list[EpisodeView] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)

    @property
    def steps(self) -> int:
        """Steps of all episodes."""
        return sum(len(item.stamps_T) for item in self.episodes)


def inspect(data: LeRobotData) -> Inspection:
    """
    Read all steps and judge them.

    :raises ConfigError: a file is missing or broken.
    :raises MessageError: a step that no model should learn from.
    """
    found = Inspection([_view(data, index) for index in range(len(data))])
    found.findings += _dropped(data)
    if not found.episodes:
        found.findings.append('no episodes: see what hma data import said')
        return found
    found.findings += _recording(data)
    found.findings += _marks(data)
    found.findings += _equal(found.episodes)
    found.findings += _rate(data.spec, found.episodes)
    found.findings += _constant(data.spec, found.episodes)
    found.findings += _units(data.spec, found.episodes)
    found.findings += wrapping_angles(data.spec, found.episodes)
    found.findings += crossed_joints(data.spec, found.episodes)
    found.findings += _gripper(data.spec, found.episodes)
    found.findings += camera_skew(data.spec, found.episodes)
    return found


def wrapping_angles(spec: EmbodimentSpec, episodes: list[EpisodeView]) -> list[str]:
    """Return a finding for each absolute angle that leaps by more than half a turn."""
    if spec.action.is_delta:
        return []
    leaps = np.concatenate([np.abs(np.diff(item.actions_TA, axis=0)) > np.pi for item in episodes])
    counts = zip(spec.action.names, spec.action.units, leaps.sum(0).tolist(), strict=True)
    return [
        f'action {name!r}: got {count} leaps of more than half a turn from one step to the next, '
        'expected none: its mean is meaningless; use increments, or a rotation that does not '
        'wrap there'
        for name, unit, count in counts
        if unit == 'rad' and count
    ]


def crossed_joints(spec: EmbodimentSpec, episodes: list[EpisodeView]) -> list[str]:
    """Return a finding for each absolute target that a joint other than its own follows."""
    joints = spec.state.joints
    if spec.action.is_delta or spec.action.is_cartesian:
        return []
    targets = np.concatenate([item.actions_TA[:-1] - item.actions_TA[0] for item in episodes])
    reached = np.concatenate([item.joints_TJ[1:] - item.joints_TJ[0] for item in episodes])
    found = []
    for place, name in enumerate(spec.action.coordinates):
        follows = [_correlation(targets[:, place], reached[:, j]) for j in range(len(joints))]
        own, best = follows[joints.index(name)], int(np.argmax(follows))
        if follows[best] > max(_FOLLOWS, own + _CLEARLY):
            found.append(
                f'action {name!r}: got a correlation of {own:.2f} with the next position of its '
                f'joint and {follows[best]:.2f} with that of {joints[best]!r}, expected its own '
                'to follow it best; see the order of the columns'
            )
    return found


def _correlation(one_T: NDArray[np.float32], other_T: NDArray[np.float32]) -> float:
    """Return how two series correlate; 0 if one is constant, or both are short."""
    if len(one_T) < _FEWEST_STEPS or np.ptp(one_T) < 1e-6 or np.ptp(other_T) < 1e-6:
        return 0.0
    return float(np.corrcoef(one_T, other_T)[0, 1])


def _view(data: LeRobotData, episode: int) -> EpisodeView:
    length = data.episodes[episode]['length']
    shown = set(np.linspace(0, length - 1, _FRAMES).astype(int).tolist())
    stamps, actions, joints, change, frames = [], [], [], [], []
    before = None
    for index, step in enumerate(data.steps(episode)):
        stamps.append(step.stamp_ns)
        actions.append(step.actions[0])
        joints.append(step.joints)
        frame = step.frame.astype(np.int16)
        if before is not None:
            change.append(float(np.abs(frame - before).mean()))
        before = frame
        if index in shown:
            frames.append(step.frame)
    seconds = (np.array(stamps) - stamps[0]) * _NS
    return EpisodeView(seconds, np.stack(actions), np.stack(joints), np.array(change), frames)


def _recording(data: LeRobotData) -> list[str]:
    """Repeat what the import counted, where it is more than a few."""
    found = []
    for source in data.journal['sources']:
        for topic, counts in source['topics'].items():
            for kind in ('corrupt', 'duplicated', 'out_of_order', 'late'):
                if counts[kind] > _FEW * counts['messages']:
                    found.append(
                        f'{topic}: got {counts[kind]} of {counts["messages"]} messages '
                        f'{kind.replace("_", " ")}, expected fewer than {_FEW:.0%}'
                    )
            found += _gaps(topic, counts)
        found += [
            f'{source["source"]["path"]}: left out: {why}' for why in source.get('left_out', ())
        ]
        if source['is_truncated']:
            found.append(f'{source["source"]["path"]}: a file of the bag ends too early')
    return found


def _gaps(topic: str, counts: dict[str, int]) -> list[str]:
    """Judge how many messages would fit into the gaps of a topic."""
    dropped, messages = counts['dropped'], counts['messages']
    if dropped > messages:
        return [
            f'{topic}: got messages in bursts, expected even spacing; check that a single '
            'camera or driver publishes there'
        ]
    if dropped <= _FEW * messages:
        return []
    return [
        f'{topic}: got {dropped} of {messages + dropped} messages dropped (estimated), expected '
        f'fewer than {_FEW:.0%}'
    ]


def _dropped(data: LeRobotData) -> list[str]:
    found = []
    for source in data.journal['sources']:
        dropped = sum(source['dropped_steps'].values())
        kept = sum(item['length'] for item in source['episodes'])
        total = dropped + kept
        if dropped > _MOST_DROPPED * total:
            found.append(
                f'{source["source"]["path"]}: got {dropped} of {total} steps dropped, expected '
                f'fewer than {_MOST_DROPPED:.0%}; the first: {source["first_drop"]}'
            )
    return found


def _marks(data: LeRobotData) -> list[str]:
    unmarked = data.outcomes.count(UNMARKED)
    if unmarked in (0, len(data)):
        return []
    paths = [
        source['source']['path']
        for source in data.journal['sources']
        if UNMARKED in outcomes_of([source])
    ]
    return [
        f'{first_few(paths)}: got {counted(unmarked, "episode")} without marks beside others with '
        'marks, expected marks in all; is it a recording of something else?'
    ]


def _equal(episodes: list[EpisodeView]) -> list[str]:
    contents = [
        b''.join(item.tobytes() for item in (view.actions_TA, view.joints_TJ, view.change_T))
        for view in episodes
    ]
    first: dict[bytes, int] = {}
    pairs = [
        f'{number} and {first[content]}'
        for number, content in enumerate(contents)
        if first.setdefault(content, number) != number
    ]
    if not pairs:
        return []
    return [
        f'episodes {first_few(pairs)}: got the same steps, expected each demonstration once; '
        'import every recording once, to a new --out'
    ]


def _rate(spec: EmbodimentSpec, episodes: list[EpisodeView]) -> list[str]:
    spacings = np.concatenate([np.diff(item.stamps_T) for item in episodes])
    period = spec.rates.frame_dt_s
    uneven = int((np.abs(spacings - period) > period / 2).sum())
    still = np.concatenate([item.change_T for item in episodes]) == 0
    found = []
    if uneven > _FEW * len(spacings):
        found.append(
            f'camera: got {uneven} of {len(spacings)} steps more than half a period off '
            f'{period:g} s, expected fewer than {_FEW:.0%}'
        )
    if still.mean() > 0.5:
        found.append(
            f'camera: got {still.mean():.0%} of the frames equal to the one before, expected '
            'motion; see that the camera runs at rates.frame_hz'
        )
    return found


def _constant(spec: EmbodimentSpec, episodes: list[EpisodeView]) -> list[str]:
    actions = np.concatenate([item.actions_TA for item in episodes])
    span = np.asarray(spec.action.upper) - np.asarray(spec.action.lower)
    still = np.flatnonzero(np.ptp(actions, axis=0) < _CONSTANT * span)
    return [
        f'action {spec.action.names[index]!r}: got {actions[0, index]:g} in every step, expected '
        'motion; nothing can be learnt of it'
        for index in still
    ]


def _units(spec: EmbodimentSpec, episodes: list[EpisodeView]) -> list[str]:
    joints = np.concatenate([item.joints_TJ for item in episodes])
    largest = np.abs(joints).max(0)
    turning = {
        name
        for name, turns in zip(spec.action.coordinates, spec.limits.continuous, strict=True)
        if turns
    }
    return [
        f'joint {name!r}: got up to {value:.1f}, expected at most {2 * np.pi:.2f} rad; it looks '
        'like degrees'
        for name, value in zip(spec.state.joints, largest, strict=True)
        if value > 2 * np.pi and name not in turning
    ]


def _gripper(spec: EmbodimentSpec, episodes: list[EpisodeView]) -> list[str]:
    if spec.gripper is None:
        return []
    is_open = [
        (item.actions_TA[0, -1] > spec.gripper.threshold)
        == (spec.gripper.model_open > spec.gripper.threshold)
        for item in episodes
    ]
    if 2 * sum(is_open) >= len(is_open):
        return []
    return [
        f'gripper: got {len(is_open) - sum(is_open)} of {len(is_open)} episodes that begin with '
        'it closed, expected most to begin open; see that gripper.open_position and '
        'closed_position are not swapped'
    ]


def camera_skew(spec: EmbodimentSpec, episodes: list[EpisodeView]) -> list[str]:
    """Return a finding if the images move at another time than the joints, by a step or more."""
    motions = [
        (item.change_T, np.abs(np.diff(item.joints_TJ, axis=0)).sum(1).astype(np.float64))
        for item in episodes
    ]
    lag = lag_steps(motions)
    if not lag:
        return []
    time = f'{abs(lag) * spec.rates.frame_dt_s:.2f} s' + ' or more' * (abs(lag) == MOST_LAG)
    when = 'later' if lag > 0 else 'earlier'
    return [
        f'camera: got images that move about {time} {when} than the joints, expected the same '
        'time; compare the clocks and what stamps the images'
    ]
