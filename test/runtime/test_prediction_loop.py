# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Late steps are observed in order; imagining gives way, but never ends for good."""

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fake_world import DT_NS, FRAME, FakeQueue, FakeWorld

from hma_ros.core.errors import MessageError
from hma_ros.runtime.imagine_requests import INACTIVE, ActionSource, Answer, Question
from hma_ros.runtime.prediction_loop import PredictionLoop
from hma_ros.runtime.rollout import Rollout
from hma_ros.runtime.step_queue import CameraStep


class Output:
    """Keeps what was published."""

    def __init__(self) -> None:
        self.chunks: list[int] = []
        self.longer_chunks: list[tuple[int, list[list[float]]]] = []
        self.rollouts: list[tuple[int, int]] = []
        self.is_broken = False
        self.too_late: set[int] = set()

    def decode(self, image: Any) -> np.ndarray:
        if self.is_broken:
            raise MessageError('camera: broken')
        return FRAME

    def is_too_late(self, step: CameraStep) -> bool:
        return step.stamp_ns // DT_NS in self.too_late

    def chunk(self, step: CameraStep, chunk: np.ndarray) -> None:
        self.chunks.append(step.stamp_ns // DT_NS)

    def longer_chunk(self, step: CameraStep, chunks: np.ndarray) -> None:
        self.longer_chunks.append((step.stamp_ns // DT_NS, chunks.tolist()))

    def rollout(self, step: CameraStep, frame: np.ndarray, rollout: Rollout) -> None:
        self.rollouts.append((step.stamp_ns // DT_NS, len(rollout.frames)))


class Report:
    """Counts, and the present warnings."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.present: dict[str, str] = {}
        self.timed: set[str] = set()

    def count(self, what: str, number: int = 1) -> None:
        self.counts[what] += number

    def latency(self, name: str, duration_s: float) -> None:
        assert duration_s >= 0.0
        self.timed.add(name)

    def error(self, what: str, text: str) -> None:
        self.counts[what] += 1
        self.present[what] = text

    warning = error

    def success(self, what: str, *cleared: str) -> None:
        self.counts[what] += 1
        self.cleared(*cleared)

    def cleared(self, *kinds: str) -> None:
        for kind in kinds:
            self.present.pop(kind, None)


def make_rig(*, acts: bool) -> Any:
    world, queue, output, report = FakeWorld(), FakeQueue(), Output(), Report()
    loop = PredictionLoop(
        world, queue, output, report, 0.2, 4, acts, clock=world.clock, remedy='use threads'
    )
    return SimpleNamespace(world=world, queue=queue, output=output, report=report, loop=loop)


@pytest.fixture
def rig() -> Any:
    return make_rig(acts=True)


def follow(rig: Any, first: int, last: int) -> None:
    for index in range(first, last + 1):
        rig.queue.add(index, after=index - 1 if index else None)


def finish(rig: Any) -> None:
    while rig.loop.run_once():
        pass


def test_steps_in_time_are_observed_acted_on_and_imagined_after(rig: Any) -> None:
    for index in range(3):
        follow(rig, index, index)
        finish(rig)
    assert rig.output.chunks == [0, 1, 2]
    assert [index for index, _ in rig.output.rollouts] == [0, 1, 2]
    first, *later = rig.world.observed
    assert first is None
    np.testing.assert_array_equal(later, [np.full((1, 2), 1), np.full((1, 2), 2)])
    assert rig.report.counts['new contexts'] == 1


def test_chunk_is_continued_once_the_frame_after_it_is_imagined(rig: Any) -> None:
    """Also where there is time for one frame only, as before anything is known of the cost."""
    for index in range(2):
        follow(rig, index, index)
        finish(rig)
    assert rig.output.longer_chunks == [(0, [[1.0, 1.0], [2.0, 2.0]]), (1, [[1.0] * 2, [2.0] * 2])]
    assert rig.output.rollouts[0] == (0, 1)


def test_chunks_too_late_are_published_for_the_reports_and_not_continued(rig: Any) -> None:
    """The executor owes a report for each chunk that comes, and none for one that does not."""
    rig.output.too_late = {0, 1, 2}
    for index in range(5):
        follow(rig, index, index)
        finish(rig)
    assert rig.output.chunks == [0, 1, 2, 3, 4]
    assert {step for step, _ in rig.output.longer_chunks} == {3, 4}
    assert rig.report.counts['steps'] == 5
    assert rig.report.counts['new contexts'] == 1
    assert rig.report.counts['steps too late to act'] == 3


def test_chunk_is_not_continued_where_nobody_wants_chunks() -> None:
    rig = make_rig(acts=False)
    rig.loop._budget.imagined(1, 0.001)
    follow(rig, 0, 0)
    finish(rig)
    assert rig.output.rollouts
    assert rig.output.longer_chunks == []


def test_late_steps_are_all_observed_in_one_context_and_the_last_is_imagined_after(
    rig: Any,
) -> None:
    follow(rig, 0, 5)
    finish(rig)
    assert rig.output.chunks == [0, 1, 2, 3, 4, 5]
    assert [index for index, _ in rig.output.rollouts] == [5]
    assert rig.report.counts['late steps'] == 5
    assert (rig.world.steps, rig.report.counts['new contexts']) == (6, 1)


def test_a_model_far_behind_its_camera_is_a_warning_until_it_has_caught_up(rig: Any) -> None:
    """Images are received at 0 s; a step is due every 0.2 s."""
    follow(rig, 0, 5)
    rig.world.observe_s = 0.16
    for _ in range(3):
        assert rig.loop.run_once()
    assert 'late steps' not in rig.report.present
    assert rig.loop.run_once()
    assert rig.report.present['late steps'] == (
        'model too slow: it is 0.6 s behind the camera, expected less than 0.200 s, and imagines '
        'one step in 8; use threads'
    )
    finish(rig)
    assert rig.report.counts['late steps'] == 5
    assert 'late steps' not in rig.report.present


def test_a_model_that_is_always_late_still_imagines_now_and_then(rig: Any) -> None:
    follow(rig, 0, 32)
    for _ in range(32):
        assert rig.loop.run_once()
    assert [index for index, _ in rig.output.rollouts] == [7, 15, 23, 31]
    # With steps that wait it is one frame, and no more.
    assert {frames for _, frames in rig.output.rollouts} == {1}


def test_a_lost_step_begins_a_new_context(rig: Any) -> None:
    follow(rig, 0, 1)
    rig.queue.add(4, after=3)
    finish(rig)
    assert rig.world.resets == 2
    assert rig.world.observed[-1] is None
    assert rig.world.steps == 1


def test_a_broken_image_is_counted_and_the_next_step_begins_anew(rig: Any) -> None:
    follow(rig, 0, 0)
    finish(rig)
    rig.output.is_broken = True
    follow(rig, 1, 2)
    finish(rig)
    assert rig.loop.failures == 2
    assert rig.report.present['dropped steps'] == 'camera: broken'
    rig.output.is_broken = False
    follow(rig, 3, 3)
    finish(rig)
    assert rig.loop.failures == 0
    assert rig.report.present == {}
    assert rig.report.counts['new contexts'] == 2


def test_a_step_without_its_joints_is_never_observed_and_the_next_begins_anew(rig: Any) -> None:
    follow(rig, 0, 1)
    rig.queue.steps[0] = replace(rig.queue.steps[0], missing='joint_states: got none')
    assert rig.loop.run_once()
    assert rig.world.observed == []
    assert rig.report.present == {'missed joints': 'joint_states: got none'}
    finish(rig)
    assert rig.world.observed == [None]
    assert rig.report.present == {}


def test_dropped_steps_say_what_a_step_takes_and_what_to_do(rig: Any) -> None:
    rig.world.observe_s = 0.5
    follow(rig, 0, 0)
    finish(rig)
    rig.queue.lost = 16
    finish(rig)
    text = rig.report.present['skipped steps']
    assert 'got 0.500 s for a step, expected at most 0.200 s; dropped 16 steps' in text
    assert text.endswith('use threads')
    rig.world.observe_s = 0.0
    follow(rig, 1, 10)
    finish(rig)
    assert 'skipped steps' not in rig.report.present


def test_a_question_takes_the_place_of_imagining_and_leaves_the_context(rig: Any) -> None:
    answers: list[Answer] = []
    chunks = np.ones((2, 1, 2), np.float32)
    follow(rig, 0, 0)
    rig.loop.requests.ask(Question(ActionSource.GIVEN, chunks, 2, answers.append))
    finish(rig)
    (answer,) = answers
    assert answer.step is not None
    assert answer.step.stamp_ns == 0
    assert rig.output.rollouts == []
    assert rig.world.steps == 1
    follow(rig, 1, 1)
    finish(rig)
    assert (rig.world.steps, rig.world.resets) == (2, 1)


def ask(rig: Any, horizon: int) -> Answer:
    """Have a question answered; each frame takes 0.15 s, and a step comes with each."""
    answers: list[Answer] = []
    rig.world.frame_s = 0.15
    follow(rig, 0, 0)
    rig.loop.requests.ask(Question(ActionSource.POLICY, None, horizon, answers.append))
    imagine = rig.world.imagine

    def beside_a_camera(chunks: Any, most: int, is_enough: Any, *_: Any, **__: Any) -> Rollout:
        def is_next() -> bool:
            rig.queue.add(1 + len(rig.queue), after=len(rig.queue))
            return bool(is_enough())

        return imagine(chunks, most, is_next)

    rig.world.imagine = beside_a_camera
    rig.loop.run_once()
    rig.world.imagine = imagine
    (answer,) = answers
    return answer


@pytest.mark.parametrize('acts', [True, False])
@pytest.mark.parametrize('is_asked', [True, False])
def test_closing_ends_what_is_being_imagined_with_its_present_frame(
    acts: bool, is_asked: bool
) -> None:
    rig, answers, imagine = make_rig(acts=acts), list[Answer](), FakeWorld.imagine
    waiting, late = list[Answer](), list[Answer]()

    def meanwhile_closed(chunks: Any, most: int, is_enough: Any, *_: Any, **__: Any) -> Rollout:
        rig.loop.requests.ask(Question(ActionSource.POLICY, None, 8, waiting.append))
        rig.loop.close()
        return imagine(rig.world, chunks, most, is_enough)

    rig.world.imagine = meanwhile_closed
    if is_asked:
        rig.loop.requests.ask(Question(ActionSource.POLICY, None, 8, answers.append))
    follow(rig, 0, 0)
    finish(rig)
    rig.loop.requests.ask(Question(ActionSource.POLICY, None, 8, late.append))
    assert [item.message for item in waiting + late] == [INACTIVE, INACTIVE]
    if is_asked:
        assert answers[0].rollout is not None
        assert len(answers[0].rollout.frames) == 1
        assert 'the end of the node' in answers[0].message
    else:
        assert rig.output.rollouts == [(0, 1)]


def test_a_question_gives_way_to_the_next_step_where_chunks_are_wanted(rig: Any) -> None:
    answer = ask(rig, 8)
    assert answer.rollout is not None
    assert len(answer.rollout.frames) == len(rig.queue) == 1
    assert 'got time for 1 frame, expected 8: the next step' in answer.message
    finish(rig)
    assert rig.output.chunks == [0, 1]


def test_where_chunks_are_wanted_a_question_has_the_time_of_one_step(rig: Any) -> None:
    ask(rig, 1)
    answers: list[Answer] = []
    rig.loop.requests.ask(Question(ActionSource.POLICY, None, 2, answers.append))
    finish(rig)
    assert answers[0].rollout is None
    assert 'got 2 frames of 0.150 s, expected at most 1 on this machine' in answers[0].message


def test_where_no_chunks_are_wanted_a_question_may_keep_steps_waiting() -> None:
    rig = make_rig(acts=False)
    answer = ask(rig, 7)
    assert answer.rollout is not None
    assert (len(answer.rollout.frames), answer.message) == (7, '')


def test_a_question_before_the_first_frame_is_refused(rig: Any) -> None:
    answers: list[Answer] = []
    rig.loop.requests.ask(Question(ActionSource.POLICY, None, 2, answers.append))
    assert rig.loop.run_once()
    assert 'context: got nothing observed' in answers[0].message
    assert not rig.loop.run_once()


def test_a_question_is_answered_also_by_a_model_that_is_always_late(rig: Any) -> None:
    answers: list[Answer] = []
    rig.loop.requests.ask(Question(ActionSource.POLICY, None, 2, answers.append))
    follow(rig, 0, 16)
    for _ in range(8):
        rig.loop.run_once()
    assert len(answers) == 1


@pytest.mark.parametrize(('acts', 'name'), [(True, 'action'), (False, 'context')])
def test_only_a_model_that_acts_is_timed_to_its_action(acts: bool, name: str) -> None:
    made = make_rig(acts=acts)
    made.queue.add(0)
    made.loop.run_once()
    assert {item for item in made.report.timed if item.startswith('receipt to ')} == {
        f'receipt to {name}'
    }


def asked(rig: Any, conditioning: ActionSource, horizon: int) -> list[Answer]:
    answers: list[Answer] = []
    rig.loop.ask(Question(conditioning, None, horizon, answers.append))
    return answers


@pytest.mark.parametrize('horizon', [0, 9, 1000])
def test_a_question_that_cannot_be_answered_is_refused_without_waiting(
    rig: Any, horizon: int
) -> None:
    (answer,) = asked(rig, ActionSource.POLICY, horizon)
    assert answer.message.startswith(f'~/imagine: horizon: got {horizon}, expected 1 to 8')


def test_a_question_that_takes_too_long_is_refused_without_waiting(rig: Any) -> None:
    rig.world.frame_s = 0.1
    follow(rig, 0, 0)
    finish(rig)
    (answer,) = asked(rig, ActionSource.POLICY, 4)
    assert 'got 4 frames of 0.100 s, expected at most 2 on this machine' in answer.message
    assert asked(rig, ActionSource.POLICY, 2) == []


def test_a_loop_that_is_closed_while_it_observes_imagines_nothing(rig: Any) -> None:
    observe = rig.world.observe

    def observe_and_close(*arguments: Any) -> None:
        observe(*arguments)
        rig.loop.close()

    rig.world.observe = observe_and_close
    follow(rig, 0, 0)
    finish(rig)
    assert (len(rig.world.observed), rig.world.asked) == (1, [])
