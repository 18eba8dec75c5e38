# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The faults that are injected both in process and over DDS.

Each takes a bench, in whatever phase it is, and returns when the fault is over; what is random
comes from the generator of the bench.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks.faults import state_faults
from benchmarks.faults.bench import NS, Bench
from hma_ros.core.messages.stamp import stamp_ns
from hma_ros.ros.stamps import to_duration, to_stamp


@dataclass(frozen=True)
class Fault:
    """
    One fault.

    ``kind`` groups it in the table; ``stops`` says that the robot must come to rest, so that its
    reaction time means something.
    """

    kind: str
    inject: Callable[[Any], None]
    stops: bool = False


def moved_by_hand(bench: Bench) -> None:
    """Somebody moves the robot."""
    axes = bench.arm.axes
    share = bench.rng.uniform(0.01, 0.15) * bench.rng.choice([-1.0, 1.0])
    moved = bench.arm.position_X + share * np.minimum(axes.upper - axes.lower, 4.0)
    bench.arm_follows = False
    bench.arm.position_X = np.clip(moved, axes.lower, axes.upper)
    bench.run(0.3)


def does_not_follow(bench: Bench) -> None:
    """The robot is held."""
    bench.arm_follows = False
    bench.run(bench.rng.uniform(0.3, 1.0))


def chunk(bench: Bench, change: Callable[[Bench, Any], Any]) -> None:
    """A chunk comes that must be refused, to a robot at rest or among good ones."""
    bad = partial(change, bench)
    if bench.rng.integers(2):
        bench.refuse(bad)
        return
    for _ in range(3):
        bench.send_chunk(bad(bench.make_chunk()))
        bench.run(0.05)


def too_old(bench: Bench, message: Any) -> Any:
    """Stamped too long ago, or already over."""
    return _shifted(message, -bench.rng.uniform(0.45, 10.0))


def from_the_future(bench: Bench, message: Any) -> Any:
    """Stamped ahead of the clock."""
    return _shifted(message, bench.rng.uniform(0.6, 1e5))


def too_many_steps(bench: Bench, message: Any) -> Any:
    """More steps than two of the model."""
    steps = int(bench.rng.choice([5, 400, 3_000]))
    width = len(bench.spec.action.names)
    message.horizon, message.actions = steps, [0.01] * (steps * width)
    return message


def not_finite(bench: Bench, message: Any) -> Any:
    """A value that is NaN or infinite."""
    message.actions[int(bench.rng.integers(len(message.actions)))] = float(
        bench.rng.choice([np.nan, np.inf])
    )
    return message


def absurd(bench: Bench, message: Any) -> Any:
    """Values far beyond every bound."""
    message.actions = [float(10.0 ** bench.rng.uniform(1.0, 9.0))] * len(message.actions)
    return message


def foreign(bench: Bench, message: Any) -> Any:
    """For another robot, frame, rate, order, unit or size."""
    choice = bench.rng.integers(6)
    if choice == 0:
        message.embodiment = 'toaster'
    elif choice == 1:
        message.header.frame_id = 'elsewhere'
    elif choice == 2:
        message.step_dt = to_duration(0.001)
    elif choice == 3:
        message.names = list(reversed(message.names))
    elif choice == 4:
        message.units = ['furlong'] * len(message.units)
    else:
        message.actions = message.actions[:-1]
    return message


def _longer(message: Any) -> Any:
    longer = copy.deepcopy(message)
    longer.horizon, longer.actions = 2 * message.horizon, [*message.actions, *message.actions]
    return longer


def _still(bench: Bench, message: Any) -> tuple[Any, bool]:
    """Return a chunk of the same moment that keeps the robot in place, and whether it can."""
    still, action, width = copy.deepcopy(message), bench.spec.action, bench.arm.width
    here = bench.wire.position_X[:width]
    place = np.clip(here, action.lower[:width], action.upper[:width])
    steps = np.reshape(message.actions, (message.horizon, -1))
    steps[:, :width] = 0.0 if action.is_delta else place
    still.actions = steps.ravel().tolist()
    return still, action.is_delta or bool((place == here).all())


def _shifted(message: Any, seconds: float) -> Any:
    message.header.stamp = to_stamp(stamp_ns(message.header.stamp) + round(seconds * NS))
    return message


def older_after_newer(bench: Bench) -> None:
    """Chunks overtake each other; one comes twice."""
    message = bench.make_chunk()
    bench.send_chunk(message)
    for _ in range(3):
        bench.run(bench.period_s)
        bench.send_chunk(_shifted(copy.deepcopy(message), -bench.rng.uniform(0.0, 0.1)))
    bench.run(0.3)


def gets_longer(bench: Bench) -> None:
    """A chunk comes again with more steps, before or after its end."""
    message = bench.make_chunk()
    bench.send_chunk(message)
    bench.run(bench.rng.uniform(0.0, 1.5) * bench.spec.rates.frame_dt_s)
    bench.send_chunk(_longer(message))
    bench.run(0.3)


def begins_otherwise(bench: Bench) -> None:
    """A chunk that keeps the robot in place comes again, longer, and moves from its start."""
    holds, before = bench.holds(), bench.wire.position_X
    moving, begun_s = bench.make_chunk(age_s=0.0), bench.steady_s()
    still, is_still = _still(bench, moving)
    bench.send_chunk(still)
    bench.run(0.02)
    bench.send_chunk(_longer(moving))
    # On a busy machine the first one may come when it is over, and is refused.
    is_early = bench.steady_s() - begun_s < bench.spec.rates.frame_dt_s / 2.0
    bench.run(0.3)
    if holds and is_still and is_early and bench.has_moved_from(before):
        bench.stale.append('a chunk whose steps changed moved the robot')
    bench.has_policy = True


def second_source(bench: Bench) -> None:
    """Two nodes send chunks."""
    for _ in range(4):
        bench.send_chunk(bench.make_chunk(), source=1)
        bench.run(bench.rng.uniform(0.02, 0.1))


def model_stalls(bench: Bench) -> None:
    """No chunk comes for a while, then one does."""
    bench.has_policy = False
    bench.run(bench.rng.uniform(0.3, 1.5))


def bursts(bench: Bench) -> None:
    """Many chunks at once, after a silence."""
    bench.has_policy = False
    bench.run(bench.rng.uniform(0.1, 0.5))
    for age_s in np.linspace(0.4, 0.0, 12):
        bench.send_chunk(bench.make_chunk(float(age_s)))
    bench.run(0.1)


def service_stop(bench: Bench) -> None:
    """``~/stop``."""
    bench.stop()
    bench.expect_silence()


def button(bench: Bench) -> None:
    """An emergency stop is pressed; resume is refused until it is released."""
    bench.press(0, True)
    bench.expect_silence()
    _resume_refused(bench)


def two_buttons(bench: Bench) -> None:
    """One is pressed, the other reports that it is not."""
    bench.press(0, True)
    bench.press(1, False)
    bench.expect_silence()
    _resume_refused(bench)
    bench.press(1, False)
    _resume_refused(bench)


def stop_and_resume(bench: Bench) -> None:
    """A stop is taken back at once, again and again."""
    for _ in range(int(bench.rng.integers(1, 6))):
        bench.stop()
        bench.resume()
        bench.run(bench.rng.integers(1, 4) * bench.period_s)


def button_over_reconfiguration(bench: Bench) -> None:
    """Pressed, then cleaned up, configured and activated: it still holds."""
    bench.press(0, True)
    bench.run(0.1)
    bench.deactivate()
    bench.reconfigure()
    if bench.activate():
        _resume_refused(bench)
    before = bench.wire.count
    bench.run(0.3)
    bench.stale += ['a command after a stop'] * (bench.wire.count - before)


def _resume_refused(bench: Bench) -> None:
    if bench.resume():
        bench.stale.append('resumed while a stop was pressed')
    bench.run(0.1)


def deactivated(bench: Bench) -> None:
    """Deactivated and activated, wherever it is."""
    bench.deactivate()
    if bench.rng.integers(2):
        bench.run(bench.rng.uniform(0.02, 0.5))
    bench.activate()


def reconfigured(bench: Bench) -> None:
    """Deactivated, cleaned up, configured and activated."""
    bench.deactivate()
    bench.reconfigure()
    bench.activate()


def stop_then_lost(bench: Bench) -> None:
    """The state is lost, and while it brakes a stop comes."""
    bench.tap_state = state_faults.lost
    bench.run(bench.spec.state.max_age_s + bench.rng.integers(0, 4) * bench.period_s)
    bench.stop()
    bench.expect_silence()


def chosen(faults: Mapping[str, Fault], names: Collection[str]) -> list[tuple[str, Fault]]:
    """Return the faults of these names, or all without a name."""
    return [item for item in faults.items() if not names or item[0] in names]


FAULTS: dict[str, Fault] = {
    'state stops': Fault('state', state_faults.stops, stops=True),
    'state late once': Fault('state', state_faults.late),
    'state late twenty times': Fault('state', partial(state_faults.late, times=20)),
    'state freezes': Fault('state', state_faults.freezes, stops=True),
    'state sticks, fresh stamps': Fault('state', state_faults.sticks),
    'state loses a joint or its frame': Fault('state', state_faults.loses_a_part, stops=True),
    'state is not finite': Fault('state', state_faults.not_a_number),
    'state glitch, one sample': Fault('state', partial(state_faults.glitch, samples=1)),
    'state glitch, some samples': Fault('state', partial(state_faults.glitch, samples=6)),
    'state is a default pose': Fault('state', state_faults.default_pose),
    'state is flipped': Fault('state', state_faults.flipped),
    'twenty short gaps of a sagging arm': Fault('state', state_faults.ratchet),
    'two publishers of the state': Fault('state', state_faults.second_driver),
    'robot moved by hand': Fault('robot', moved_by_hand, stops=True),
    'robot does not follow': Fault('robot', does_not_follow),
    'chunk too old': Fault('chunk', partial(chunk, change=too_old)),
    'chunk from the future': Fault('chunk', partial(chunk, change=from_the_future)),
    'chunk with too many steps': Fault('chunk', partial(chunk, change=too_many_steps)),
    'chunk that is not finite': Fault('chunk', partial(chunk, change=not_finite)),
    'chunk with absurd values': Fault('chunk', partial(chunk, change=absurd)),
    'chunk of another robot, frame, rate': Fault('chunk', partial(chunk, change=foreign)),
    'chunk older than the last, or again': Fault('chunk', older_after_newer),
    'chunk that gets longer': Fault('chunk', gets_longer),
    'longer chunk that begins otherwise': Fault('chunk', begins_otherwise),
    'chunks from two sources': Fault('chunk', second_source),
    'model stalls': Fault('model', model_stalls, stops=True),
    'chunks in a burst': Fault('chunk', bursts),
    '~/stop': Fault('stop', service_stop, stops=True),
    'emergency stop': Fault('stop', button, stops=True),
    'one of two emergency stops': Fault('stop', two_buttons, stops=True),
    'stop and resume at once': Fault('stop', stop_and_resume),
    'stop, then configured anew': Fault('stop', button_over_reconfiguration, stops=True),
    'stop while the state is lost': Fault('stop', stop_then_lost, stops=True),
    'deactivated and activated': Fault('lifecycle', deactivated),
    'configured anew': Fault('lifecycle', reconfigured),
}
