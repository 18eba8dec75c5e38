# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Observe each step, act on it, and imagine what follows in the time that is left.

Late steps are observed one after another, in order; until the model has caught up only every
eighth of them is followed by imagining. A chunk that comes too late to be followed is published
nevertheless: the executor answers it with what was executed, which the next step reads. It is not
continued.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.errors import HmaError
from hma_ros.core.generation.imagination_budget import ImaginationBudget
from hma_ros.core.short_text import counted
from hma_ros.runtime.imagine_requests import (
    Answer,
    ImagineRequests,
    Question,
    check,
    check_time,
)
from hma_ros.runtime.loop_report import LoopReport
from hma_ros.runtime.rollout import Rollout
from hma_ros.runtime.step_queue import MOST_WAITING, CameraStep, StepQueue
from hma_ros.runtime.world_model import WorldModel

_SMOOTHING = 0.3
# Of the queue's room, what a question may use where nobody waits for chunks: the rest is for steps
# that take longer.
_ROOM = MOST_WAITING // 2
# What a step that is observed ends.
_CLEARED = ('missed steps', 'missed joints', 'dropped steps')
# Steps that the model may be behind before that is a warning.
_FAR_BEHIND = 3
# Of so many late steps one has its frame imagined, however far behind the model is.
LATE_STEPS = 8


class LoopOutput(Protocol):
    """Where images are decoded, and results go."""

    def decode(self, image: Any) -> NDArray[np.uint8]:
        """Return the frame ``uint8[H, W, 3]`` of an image; raise HmaError if it is no good."""
        ...

    def is_too_late(self, step: CameraStep) -> bool:
        """Whether a chunk published on a step now would be refused for the age of its image."""
        ...

    def chunk(self, step: CameraStep, chunk: NDArray[np.float32]) -> None:
        """Take the chunk ``float32[stride, A]`` decided on a step."""
        ...

    def longer_chunk(self, step: CameraStep, chunks: NDArray[np.float32]) -> None:
        """Take the chunk decided on a step with the one that follows, ``float32[2 stride, A]``."""
        ...

    def rollout(self, step: CameraStep, frame: NDArray[np.uint8], rollout: Rollout) -> None:
        """Take what was imagined after a step, whose frame is ``uint8[H, W, 3]``."""
        ...


class PredictionLoop:
    """
    One model, its context, and the steps that wait for it; one thread calls :meth:`run_once`.

    :param model: the context is its own.
    :param steps: what to observe.
    :param interval_s: time between two steps.
    :param horizon: frames to imagine, as far as time allows; 0 for none.
    :param acts: whether chunks are wanted.
    :param clock: monotonic seconds.
    :param remedy: what to do about a model that is too slow.

    ``response`` names the latency of a step: to its action where chunks are wanted, else until the
    context holds it.
    """

    def __init__(
        self,
        model: WorldModel,
        steps: StepQueue,
        output: LoopOutput,
        report: LoopReport,
        interval_s: float,
        horizon: int,
        acts: bool,
        clock: Callable[[], float],
        remedy: str = '',
    ) -> None:
        self._model, self._steps, self._output, self._report = model, steps, output, report
        self._interval_s, self._horizon, self._acts = interval_s, horizon, acts
        self._clock, self._remedy = clock, remedy
        self.response = f'receipt to {"action" if acts else "context"}'
        self._budget = ImaginationBudget(horizon, interval_s)
        self._step_s: float | None = None
        self._cost_s = 0.0
        self._late = 0
        # Whether the chunk of the present step can be followed.
        self._is_followed = acts
        self._step: CameraStep | None = None
        self._newest_frame: NDArray[np.uint8] | None = None
        self.requests = ImagineRequests(clock)
        self.failures = 0

    def close(self) -> None:
        """Imagine no further than the present frame, and refuse every question."""
        self.requests.close()

    def ask(self, question: Question) -> None:
        """Have a question answered by :meth:`run_once`, or refuse it at once; in any thread."""
        try:
            check(question, self._model)
            check_time(question.horizon, self._cost_s, self._room_s)
        except HmaError as error:
            question.reply(Answer(None, None, str(error)))
        else:
            self.requests.ask(question)

    @property
    def _room_s(self) -> float:
        """How long steps may wait for an answer."""
        return self._interval_s if self._acts else _ROOM * self._interval_s

    def run_once(self) -> bool:
        """
        Observe the next step and imagine, or answer a question.

        :returns: whether there was anything to do.
        """
        step = self._steps.take()
        self._tell_dropped()
        if step is None:
            return self._answer()
        try:
            is_observed = self._observe(step)
            if is_observed and self._may_imagine(step) and not self._answer():
                self._imagine(step)
        except HmaError as error:
            # The context lacks this step: the next one starts a new context.
            self._step = None
            self.failures += 1
            self._report.error('dropped steps', str(error))
        else:
            self.failures = 0
        return True

    def _may_imagine(self, step: CameraStep) -> bool:
        """Whether no step waits for the model, or enough did already; not once it is closed."""
        self._late = self._late + 1 if len(self._steps) else 0
        behind_s = self._clock() - step.receipt_s
        if not self._late:
            self._report.cleared('late steps')
        elif behind_s < _FAR_BEHIND * self._interval_s:
            self._report.count('late steps')
        else:
            self._report.warning(
                'late steps',
                f'model too slow: it is {behind_s:.1f} s behind the camera, expected less than '
                f'{self._interval_s:.3f} s, and imagines one step in {LATE_STEPS}; '
                f'{self._remedy}',
            )
        return self._late % LATE_STEPS == 0 and not self.requests.is_closed

    def _observe(self, step: CameraStep) -> bool:
        """Take in a step and decide; returns whether it had all that the model reads."""
        started_s = self._clock()
        self._report.latency('waiting', started_s - step.receipt_s)
        frame = self._output.decode(step.image)
        decoded_s = self._clock()
        if step.missing:
            self._step = None
            self._report.error('missed joints', step.missing)
            return False
        self._take_in(step, frame)
        chunk = self._model.act() if self._acts else None
        decided_s = self._clock()
        self._step, self._newest_frame = step, frame
        is_late = chunk is not None and self._output.is_too_late(step)
        self._is_followed = self._acts and not is_late
        if chunk is not None:
            self._output.chunk(step, chunk)
        done_s = self._clock()
        self._report.latency('conversion', decoded_s - started_s)
        self._report.latency('inference', decided_s - decoded_s)
        self._report.latency('publishing', done_s - decided_s)
        self._report.latency(self.response, done_s - step.receipt_s)
        if is_late:
            self._report.count('steps too late to act')
        self._report.success('steps', *_CLEARED)
        self._note_time(done_s - started_s)
        self._budget.step_arrived(step.receipt_s)
        return True

    def _take_in(self, step: CameraStep, frame: NDArray[np.uint8]) -> None:
        before = self._step
        if step.before_ns is None or before is None or before.stamp_ns != step.before_ns:
            self._model.reset()
            self._budget.restart()
            self._report.count('new contexts')
            self._model.observe(frame, None, step.joints)
        else:
            self._report.count(f'{step.origin} actions')
            self._model.observe(frame, step.executed, step.joints)

    def _note_time(self, spent_s: float) -> None:
        before = spent_s if self._step_s is None else self._step_s
        self._step_s = before + _SMOOTHING * (spent_s - before)
        if self._step_s <= self._interval_s and not len(self._steps):
            self._report.cleared('skipped steps')

    def _tell_dropped(self) -> None:
        dropped = self._steps.dropped()
        if not dropped:
            return
        self._report.count('steps dropped by a slow model', dropped)
        self._report.warning(
            'skipped steps',
            f'model too slow: got {self._step_s or 0.0:.3f} s for a step, expected at most '
            f'{self._interval_s:.3f} s; dropped {counted(dropped, "step")}, and the '
            f'context starts anew; {self._remedy}',
        )

    def _imagine(self, step: CameraStep) -> None:
        if self._horizon == 0 or not self._model.can_imagine or self._newest_frame is None:
            return
        started_s = self._clock()
        most = self._budget.frames(started_s)
        # The second chunk is worth a pass, also where there is no time for its frame.
        asked = max(most, min(2, self._horizon)) if self._is_followed else most
        decided = self._continued(step, most)
        rollout = self._model.imagine(None, asked, self._is_enough, decided)
        self._note_imagined(len(rollout.frames), self._clock() - started_s)
        self._output.rollout(step, self._newest_frame, rollout)

    def _continued(self, step: CameraStep, most: int) -> Callable[[NDArray[np.float32]], bool]:
        """
        Return what to do with each chunk that is decided while imagining after a step.

        The first is committed already, and the second continues it from the frame imagined to
        follow: the robot need not rest until the next step is decided.

        :param most: frames there is time for.
        """
        decided: list[NDArray[np.float32]] = []

        def note(chunk: NDArray[np.float32]) -> bool:
            decided.append(chunk)
            if len(decided) == 2 and self._is_followed:
                self._output.longer_chunk(step, np.concatenate(decided))
            return len(decided) > most

        return note

    def _note_imagined(self, frames: int, spent_s: float) -> None:
        self._budget.imagined(frames, spent_s)
        self._cost_s = spent_s / frames
        self._report.latency('imagined frame', self._cost_s)
        self._report.count('imagined frames', frames)

    def _answer(self) -> bool:
        """Answer a question that waits, if one does, in place of imagining."""
        question = self.requests.take()
        if question is None:
            return False
        context = self._step if self._model.steps else None
        started_s = self._clock()
        rollout = question.answer(
            self._model, context, self._cost_s, self._room_s, self._is_pressed
        )
        if rollout is not None:
            self._note_imagined(len(rollout.frames), self._clock() - started_s)
        return True

    def _is_pressed(self) -> bool:
        """Whether an answer must end: before the next step if chunks are wanted."""
        if self._acts:
            return self._is_enough()
        return self.requests.is_closed or len(self._steps) >= _ROOM

    def _is_enough(self) -> bool:
        """Whether to imagine no further: the next step is there, or the loop is closed."""
        return self.requests.is_closed or self._steps.has_next()
