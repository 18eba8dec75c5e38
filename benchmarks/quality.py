# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What few-step samplers and integer products cost in imagined images, on held-out episodes.

Every variant imagines from the same contexts with the same noise and the true actions. Errors are
pooled over the pixels that really changed since the last observed frame; intervals are of 95 %,
from resampling contexts. Temperature 0 is nearer to the mean of what may follow, and so wins in
decibels without being a sampler: the energy score (Gneiting and Raftery 2007), which is least for
samples of the true distribution, tells them apart.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.few_step_samplers import FewSteps, ddim, dpm_solver
from hma_ros.core.generation.diffusion import Sampling
from hma_ros.core.generation.problem_setting import ProblemSetting
from hma_ros.core.progress import Progress
from hma_ros.core.vision.metrics import changed_pixels, squared_error
from hma_ros.data.episodes import Episode, EpisodeDataset
from hma_ros.runtime.continuous import PatchFiller, Sampler
from hma_ros.runtime.discrete import ImaginedTokens, TokenFiller
from hma_ros.runtime.frames import BundleCodec
from hma_ros.runtime.manifest import Manifest
from hma_ros.runtime.model import Model, TrunkStep
from hma_ros.runtime.providers import Execution
from hma_ros.runtime.token_world_model import Filler, TokenWorldModel

SAMPLERS = {
    'ancestral 100': Sampling(100, is_karras=False),
    'ancestral 100, temperature 0': Sampling(100, temperature=0.0, is_karras=False),
    'ancestral 16': Sampling(16, is_karras=False),
    'ancestral 16, Karras': Sampling(16),
    'ancestral 16, temperature 0': Sampling(16, temperature=0.0, is_karras=False),
    'DPM-Solver++ 10': FewSteps(10, solve=dpm_solver),
    'DDIM 10': FewSteps(10, solve=ddim),
    'DDIM 20': FewSteps(20, solve=ddim),
}
REFERENCE = 'ancestral 100'
# The reference again: what chance alone makes of a difference.
CONTROL = 'ancestral 100, other noise'
MOST_LIKELY, COPY = 'most likely', 'last frame again'
# The sampler whose speed is measured; of it int8 is measured as well.
FEW_STEPS = 'ancestral 16, Karras'
# Steps seen before imagining; steps imagined in one go; samples of the energy score.
_SEEN, HORIZON, _SAMPLES = 8, 8, 2
_RESAMPLES = 2000


@dataclass(frozen=True)
class Context:
    """
    What was seen, and what followed.

    :param frames: ``uint8[_SEEN + HORIZON, H, W, 3]``.
    :param chunks: ``float32[_SEEN + HORIZON - 1, stride * A]``, executed from each frame on.
    """

    frames: np.ndarray
    chunks: np.ndarray

    @property
    def newest(self) -> np.ndarray:
        """The last frame that was seen."""
        frame: np.ndarray = self.frames[_SEEN - 1]
        return frame


@dataclass
class Outcome:
    """
    One variant, context by context.

    :param totals: squared errors over changed pixels one step ahead, and their counts.
    :param far: likewise at the end of a rollout.
    :param scores: energy score of the latents, and distance between two samples.
    :param tokens: frames one step ahead as tokens.
    :param seconds: for one frame.
    """

    totals: list[tuple[float, int]] = field(default_factory=list)
    far: list[tuple[float, int]] = field(default_factory=list)
    scores: list[tuple[float, float]] = field(default_factory=list)
    tokens: list[np.ndarray] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


Outcomes = dict[str, Outcome]


def quality_results(
    bundle_fp32: Path,
    bundle_int8: Path,
    episodes: Mapping[str, EpisodeDataset],
    contexts: int = 30,
    threads: int = 1,
) -> list[dict[str, Any]]:
    """
    Measure both bundles of one model, of either kind.

    :param episodes: held-out ones, by stem.
    :param contexts: of each stem.
    :returns: steps ``mar_quality`` (a sampler each) and ``mar_int8``, or ``disc_quality`` and
        ``disc_int8``.
    """
    scenes = {stem: list(draw_contexts(items, contexts)) for stem, items in episodes.items()}
    exact = measure(bundle_fp32, scenes, threads)
    quick = measure(bundle_int8, scenes, threads, only=(FEW_STEPS, MOST_LIKELY))
    kind = 'mar' if Manifest.read(bundle_fp32).kind == 'continuous' else 'disc'
    return compare(kind, exact, quick)


def compare(kind: str, exact: Outcomes, quick: Outcomes) -> list[dict[str, Any]]:
    """Set samplers against the reference, and int8 against float32."""
    against = exact[REFERENCE if kind == 'mar' else MOST_LIKELY]
    results = [
        {'name': f'{kind}_quality', 'sampler': name, **describe(outcome, against)}
        for name, outcome in exact.items()
    ]
    return results + [
        {
            'name': f'{kind}_int8',
            'sampler': name,
            **describe(outcome, exact[name]),
            **agreement(outcome, exact[name]),
        }
        for name, outcome in quick.items()
    ]


def draw_contexts(episodes: EpisodeDataset, count: int) -> Iterator[Context]:
    """Draw as many, at most one of each episode before any gives a second."""
    rng = np.random.default_rng(0)
    long = [item for item in episodes if item.steps >= _SEEN + HORIZON - 1]
    order = np.concatenate([rng.permutation(len(long)) for _ in range(-(-count // len(long)))])
    for index in order[:count]:
        yield _cut(long[index], int(rng.integers(long[index].steps - _SEEN - HORIZON + 2)))


def _cut(episode: Episode, start: int) -> Context:
    steps = slice(start, start + _SEEN + HORIZON)
    actions = np.asarray(episode.actions).reshape(episode.steps, -1)
    return Context(np.asarray(episode.frames[steps]), actions[steps][: _SEEN + HORIZON - 1])


def measure(
    folder: Path,
    scenes: Mapping[str, list[Context]],
    threads: int = 1,
    only: Sequence[str] = (),
) -> Outcomes:
    """
    Imagine from every context in every way.

    :param only: names of ways, none for all.
    """
    outcomes: Outcomes = {}
    for stem, contexts in scenes.items():
        execution = Execution(provider='cpu', threads=threads)
        model = Model(folder, stem, execution)
        stage = _Stage(model, BundleCodec(model.manifest, execution))
        ways = {name: way for name, way in stage.fillers.items() if name in (only or [name])}
        for context in Progress(contexts, f'{folder.name} {stem}', unit='context'):
            stage.show(context)
            for name, filler in ways.items():
                stage.imagine(context, filler, outcomes.setdefault(name, Outcome()))
    return outcomes


class _Switch:
    """A filler that is another one at each time, so that all imagine from one context."""

    filler: Filler

    def fill(self, *args: Any) -> ImaginedTokens:
        return self.filler.fill(*args)


class _Copy:
    """A filler that repeats the last frame, as the tokenizer draws it."""

    def fill(self, cache: object, step: int, pending: object, blank: TrunkStep) -> ImaginedTokens:
        return ImaginedTokens(blank.before_BSE, blank.before_BSE)


class _Stage:
    """A model with its context, and the ways to imagine from it."""

    def __init__(self, model: Model, codec: BundleCodec) -> None:
        self._switch, self._codec = _Switch(), codec
        self._world = TokenWorldModel(model, self._switch)
        self.fillers: dict[str, Filler] = {MOST_LIKELY: TokenFiller(model)}
        if model.manifest.kind == 'continuous':
            self.fillers = {name: _filler(model, item) for name, item in SAMPLERS.items()}
            self.fillers[CONTROL] = _filler(model, SAMPLERS[REFERENCE], seed=1)
        self.fillers[COPY] = _Copy()

    def show(self, context: Context) -> None:
        """Begin anew with what was seen."""
        self._world.reset()
        for step in range(_SEEN):
            executed = context.chunks[step - 1] if step else None
            self._world.observe(self._codec.encode(context.frames[step]), executed)

    def imagine(self, context: Context, filler: Filler, outcome: Outcome) -> None:
        """Imagine one step ahead, some samples of it, and a rollout."""
        self._switch.filler = filler
        ahead = context.chunks[_SEEN - 1 :]
        started = time.perf_counter()
        rollout, _ = self._world.imagine(HORIZON, ProblemSetting.FORWARD, ahead)
        outcome.seconds.append((time.perf_counter() - started) / HORIZON)
        samples = [
            self._world.imagine(1, ProblemSetting.FORWARD, ahead[:1])[0][0]
            for _ in range(_SAMPLES)
        ]
        outcome.tokens.append(samples[0])
        outcome.totals.append(self._compare(context, samples[0], 1))
        outcome.far.append(self._compare(context, rollout[-1], HORIZON))
        truth = self._codec.encode(context.frames[_SEEN])
        outcome.scores.append(energy_score(samples, truth))

    def _compare(self, context: Context, tokens_SE: np.ndarray, ahead: int) -> tuple[float, int]:
        truth = context.frames[_SEEN - 1 + ahead]
        changed = changed_pixels(context.newest, truth)
        error = squared_error(self._codec.decode(tokens_SE), truth, changed)
        return error.total, error.count


def _filler(model: Model, sampling: Sampling, seed: int = 0) -> PatchFiller:
    generator = np.random.default_rng(seed)
    return PatchFiller(model, Sampler(model, 'patch', sampling, generator), generator)


def energy_score(samples: list[np.ndarray], truth: np.ndarray) -> tuple[float, float]:
    """
    Return the energy score of two samples or more, and the mean distance between them.

    Distances are root mean squares over the numbers of a frame.
    """
    far = [_distance(sample, truth) for sample in samples]
    apart = [
        _distance(first, second)
        for index, first in enumerate(samples)
        for second in samples[:index]
    ]
    return float(np.mean(far) - np.mean(apart) / 2), float(np.mean(apart))


def _distance(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.sqrt(np.mean((first.astype(np.float64) - second) ** 2)))


def describe(outcome: Outcome, against: Outcome) -> dict[str, Any]:
    """Sum an outcome up, and set it against another of the same contexts."""
    scores, spread = np.array(outcome.scores).T
    gap = scores - np.array(against.scores)[:, 0]
    return {
        'contexts': len(outcome.totals),
        'changed_db': interval(lambda steps: _psnr(outcome.totals, steps), len(scores)),
        'difference_db': interval(
            lambda steps: _psnr(outcome.totals, steps) - _psnr(against.totals, steps), len(scores)
        ),
        'rollout_db': interval(lambda steps: _psnr(outcome.far, steps), len(scores)),
        'rollout_difference_db': interval(
            lambda steps: _psnr(outcome.far, steps) - _psnr(against.far, steps), len(scores)
        ),
        'energy_score': interval(lambda steps: float(scores[steps].mean()), len(scores)),
        'energy_difference': interval(lambda steps: float(gap[steps].mean()), len(scores)),
        'spread': float(spread.mean()),
        'frame_ms': 1e3 * float(np.median(outcome.seconds)),
    }


def agreement(outcome: Outcome, against: Outcome) -> dict[str, float]:
    """Tell how alike the frames one step ahead are, as tokens."""
    ours, theirs = np.stack(outcome.tokens), np.stack(against.tokens)
    if ours.dtype.kind == 'f':
        return {'token_rms_difference': _distance(ours, theirs)}
    equal = ours == theirs
    return {'equal_tokens': float(equal.all(-1).mean()), 'equal_factors': float(equal.mean())}


def interval(statistic: Any, count: int) -> tuple[float, float, float]:
    """Return a statistic of all contexts, and the ends of its 95 % interval (bootstrap)."""
    rng = np.random.default_rng(0)
    drawn = [statistic(rng.integers(count, size=count)) for _ in range(_RESAMPLES)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(statistic(np.arange(count))), float(low), float(high)


def _psnr(errors: list[tuple[float, int]], steps: np.ndarray) -> float:
    total, count = np.array(errors)[steps].sum(0)
    return float(-10 * np.log10(total / count))
