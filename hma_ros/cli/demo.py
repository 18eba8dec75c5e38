# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma run demo``: the main job on the simulated Franka, with images at the end."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hma_ros.cli.session import running_nodes
from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.errors import InferenceError
from hma_ros.core.progress import Progress
from hma_ros.core.short_text import counted

if TYPE_CHECKING:
    from hma_ros.evaluation.images import OpenLoopRollout
    from hma_ros.ros.episode_client import EpisodeClient
    from hma_ros.ros.episode_recorder import EpisodeRecorder, RecordedRollout

# Starts that no training episode has: those have even seeds.
SEEDS = (11, 23, 35)
HORIZON_S = 8.0
_LEAD = 3


def run(args: argparse.Namespace) -> int:
    """Run three episodes through the nodes and draw what was imagined and what happened."""
    from hma_ros.ros.episode_recorder import EpisodeRecorder

    print(f'demo: {args.robot}: the model sees the camera, imagines, and moves the arm')
    with running_nodes(args.robot, args.real_time_factor) as (spec, client):
        bar = _Progress(spec)
        recorder = EpisodeRecorder(client.node, spec, bar.step)
        successes, best, film = _episodes(client, recorder, bar)
    print(f'\ndemo: the policy succeeded in {successes} of {counted(len(SEEDS), "episode")}')
    facts = recorder.latest_diagnostics
    _print_facts(facts.get('world_model', {}))
    if advice := slowness(facts, spec.rates.frame_dt_s, args.real_time_factor):
        print(f'demo: {advice}')
    for path in _draw(spec, best, film, Path(args.out)):
        print(f'demo: {path.resolve()}')
    return 0


def _episodes(
    client: EpisodeClient, recorder: EpisodeRecorder, bar: _Progress
) -> tuple[int, RecordedRollout | None, tuple[int, RecordedRollout] | None]:
    """Run all episodes; returns successes, the liveliest rollout, and a whole episode."""
    successes, best, film = 0, None, None
    for number, seed in enumerate(SEEDS, 1):
        bar.begin(f'episode {number} of {len(SEEDS)}')
        result = client.run(seed, HORIZON_S, recorder.begin)
        bar.end(result.success, result.sim_time_s)
        successes += result.success
        best = _livelier(best, recorder)
        if film is None or result.success:
            film = _film(recorder) or film
    return successes, best, film


def _film(recorder: EpisodeRecorder) -> tuple[int, RecordedRollout] | None:
    """The episode as imagined up to three steps before: the farthest that shows most of it."""
    films = [(lead, recorder.ahead(lead)) for lead in range(_LEAD, 0, -1)]
    shown = [(lead, film) for lead, film in films if film is not None]
    longest = max((len(film.imagined) for _, film in shown), default=0)
    return next((item for item in shown if len(item[1].imagined) >= 0.6 * longest), None)


class _Progress:
    """One line for each episode, moving with every step."""

    def __init__(self, spec: EmbodimentSpec) -> None:
        self._steps = math.ceil(HORIZON_S * spec.rates.frame_hz)

    def begin(self, title: str) -> None:
        self._bar = Progress(total=self._steps, desc=title, unit='step')

    def step(self, number: int, frames: int, quality_db: float) -> None:
        self._bar.update()
        quality = '' if math.isnan(quality_db) else f', the last one agreed to {quality_db:.1f} dB'
        self._bar.set_postfix_str(f'imagined {counted(frames, "frame")} ahead{quality}')

    def end(self, success: bool, sim_time_s: float) -> None:
        self._bar.set_postfix_str(f'{"done" if success else "not done"} after {sim_time_s:.1f} s')
        self._bar.close()


def _livelier(best: RecordedRollout | None, recorder: EpisodeRecorder) -> RecordedRollout | None:
    """Prefer the longest rollout, and among those the one in which most happened."""
    candidates = [*([best] if best else []), *recorder.rollouts()]
    return max(candidates, key=lambda item: (len(item.imagined), _motion(item)), default=None)


def _motion(rollout: RecordedRollout) -> float:
    from hma_ros.core.vision.metrics import changed_pixels

    return float(sum(changed_pixels(rollout.last, frame).mean() for frame in rollout.observed))


def _draw(
    spec: EmbodimentSpec,
    best: RecordedRollout | None,
    film: tuple[int, RecordedRollout] | None,
    out: Path,
) -> list[Path]:
    from hma_ros.evaluation.images import write_animation, write_strip

    if best is None or film is None:
        raise InferenceError(
            'demo: got no imagined frame that the camera saw later, expected at least one; '
            'the log above says what the world model was missing; a slow machine needs a lower '
            '--real-time-factor'
        )
    lead, episode = film
    ahead_s = lead * spec.rates.frame_dt_s
    strip, animation = out / 'strip.png', out / 'episode.gif'
    write_strip(_titled(spec, f'{spec.name}: rollouts of the running model', best), strip)
    write_animation(
        _titled(spec, f'{spec.name}: imagined {ahead_s:.1f} s ahead', episode), animation
    )
    return [strip, animation]


def _titled(spec: EmbodimentSpec, title: str, rollout: RecordedRollout) -> OpenLoopRollout:
    from hma_ros.evaluation.images import OpenLoopRollout

    return OpenLoopRollout(
        title, spec.rates.frame_hz, rollout.last, rollout.observed, rollout.imagined
    )


def slowness(facts: Mapping[str, Mapping[str, str]], step_s: float, factor: float) -> str:
    """
    Say in a sentence that the machine is too slow, and what to do; empty if it is not.

    :param facts: the latest diagnostics by node; durations are of simulated time, as steps are.
    :param step_s: step period, s.
    :param factor: speed of the simulation.
    """
    age_ms = float(facts.get('world_model', {}).get('image stamp to action p95 ms', 'nan'))
    late = int(facts.get('action_executor', {}).get('late chunks', '0'))
    step_ms = step_s * 1e3
    # A single late chunk is that of the first pass, which is slower than all others.
    if late <= 1 and not age_ms >= step_ms:
        return ''
    return (
        f'this machine is too slow for {factor:g} of real time: from image to action it took '
        f'{age_ms:.0f} ms (p95), a step lasts {step_ms:.0f} ms, and '
        f'{counted(late, "chunk")} came too late; try --real-time-factor {factor / 2:.2g}'
    )


def _print_facts(facts: dict[str, str]) -> None:
    stages = {
        'image stamp to action': ', on the simulated clock, in its steps of 10 ms',
        'receipt to action': '',
        'inference': '',
    }
    for name, clock in stages.items():
        values = [facts.get(f'{name} p{percent} ms') for percent in (50, 95, 99)]
        if all(values):
            print(
                f'demo: {name}: p50 {values[0]} ms, p95 {values[1]} ms, p99 {values[2]} ms{clock}'
            )
    for name in ('share of transport and conversion', 'memory MB'):
        if name in facts:
            print(f'demo: {name} of world_model: {facts[name]}')
