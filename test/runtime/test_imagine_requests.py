# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Each question has exactly one answer: the frames, or why there are none."""

import re

import numpy as np
import pytest
from fake_world import FakeWorld

from hma_ros.runtime.imagine_requests import (
    INACTIVE,
    ActionSource,
    Answer,
    ImagineRequests,
    Question,
)
from hma_ros.runtime.step_queue import CameraStep

GIVEN, POLICY, NONE = ActionSource.GIVEN, ActionSource.POLICY, ActionSource.NONE
NO_POLICY = 'never trained'
CHUNKS = np.arange(6, dtype=np.float32).reshape(3, 1, 2)


def step(executed: np.ndarray | None = None) -> CameraStep:
    return CameraStep(0, 'image', 0.0, None, executed, 'unknown', None)


class Asked:
    """A question and the answers it was given."""

    def __init__(self, kind: ActionSource, chunks: np.ndarray | None, horizon: int = 3) -> None:
        self.answers: list[Answer] = []
        self.question = Question(kind, chunks, horizon, self.answers.append)

    def of(
        self,
        world: FakeWorld,
        context: CameraStep | None,
        *,
        cost_s: float = 0.0,
        is_pressed: bool = False,
    ) -> Answer:
        self.question.answer(world, context, cost_s, 2.0, lambda: is_pressed)
        (answer,) = self.answers
        return answer


def test_given_actions_are_those_imagined_under() -> None:
    world, context = FakeWorld(NO_POLICY), step()
    answer = Asked(GIVEN, CHUNKS).of(world, context)
    assert (answer.step, answer.message) == (context, '')
    assert answer.rollout is not None
    np.testing.assert_array_equal(answer.rollout.actions, CHUNKS)


@pytest.mark.parametrize('executed', [None, np.zeros((1, 2), np.float32)])
@pytest.mark.parametrize(('kind', 'refusal'), [(POLICY, ''), (NONE, ''), (NONE, NO_POLICY)])
def test_without_given_actions_the_model_goes_by_its_own_or_by_none(
    kind: ActionSource, refusal: str, executed: np.ndarray | None
) -> None:
    world = FakeWorld(refusal)
    assert Asked(kind, None).of(world, step(executed)).rollout is not None
    assert world.asked == [(None, 3)]
    assert world.passive == [kind is NONE]


@pytest.mark.parametrize(
    ('kind', 'chunks', 'horizon', 'refusal', 'sentence'),
    [
        (GIVEN, CHUNKS, 0, '', 'horizon: got 0, expected 1 to 8'),
        (
            GIVEN,
            CHUNKS,
            9,
            '',
            'horizon: got 9, expected 1 to 8 of this bundle: its window has 9 steps',
        ),
        (GIVEN, CHUNKS, 2, '', r'actions: got \[3, 1, 2\], expected \[2, 1, 2\]'),
        (GIVEN, None, 3, '', 'actions: got None'),
        (GIVEN, CHUNKS * np.nan, 3, '', 'not finite'),
        (POLICY, CHUNKS, 3, '', 'expected none unless GIVEN'),
        (POLICY, None, 3, NO_POLICY, 'policy: got none: never trained; give the actions'),
    ],
)
def test_what_the_model_cannot_do_is_refused_with_a_reason(
    kind: ActionSource, chunks: np.ndarray | None, horizon: int, refusal: str, sentence: str
) -> None:
    world = FakeWorld(refusal)
    answer = Asked(kind, chunks, horizon).of(world, step())
    assert (answer.step, answer.rollout, world.asked) == (None, None, [])
    assert re.search(f'^~/imagine: .*{sentence}', answer.message)


def test_without_an_observed_frame_there_is_nothing_to_start_from() -> None:
    assert 'expected a camera frame' in Asked(GIVEN, CHUNKS).of(FakeWorld(), None).message


@pytest.mark.parametrize('refusal', ['', NO_POLICY])
def test_action_free_is_refused_where_the_model_must_be_told_each_action(refusal: str) -> None:
    world = FakeWorld(refusal, hides_actions=False)
    answer = Asked(NONE, None).of(world, step())
    assert answer.rollout is None
    assert '~/imagine: conditioning: got NONE, expected GIVEN' in answer.message


def test_a_horizon_that_would_keep_the_camera_waiting_is_refused() -> None:
    answer = Asked(GIVEN, CHUNKS).of(FakeWorld(), step(), cost_s=0.9)
    assert answer.rollout is None
    assert 'got 3 frames of 0.900 s, expected at most 2 on this machine' in answer.message


def test_a_rollout_cut_short_is_given_with_a_note() -> None:
    answer = Asked(GIVEN, CHUNKS).of(FakeWorld(), step(), is_pressed=True)
    assert answer.rollout is not None
    assert len(answer.rollout.frames) == 1
    assert 'got time for 1 frame, expected 3' in answer.message


def test_questions_are_answered_in_turn_and_too_many_refused() -> None:
    requests, asked = ImagineRequests(lambda: 0.0), [Asked(POLICY, None) for _ in range(5)]
    for item in asked:
        requests.ask(item.question)
    assert [len(item.answers) for item in asked] == [0, 0, 0, 0, 1]
    assert 'got more than 4 at once' in asked[4].answers[0].message
    assert [requests.take() for _ in range(5)] == [*(item.question for item in asked[:4]), None]


@pytest.mark.parametrize(('kind', 'chunks'), [(POLICY, None), (GIVEN, CHUNKS)])
def test_a_question_that_never_has_its_turn_is_refused_in_the_end(
    kind: ActionSource, chunks: np.ndarray | None
) -> None:
    now = [0.0]
    requests = ImagineRequests(lambda: now[0])
    early, late = (
        Asked(kind, None if chunks is None else chunks.copy()),
        Asked(kind, None if chunks is None else chunks.copy()),
    )
    requests.ask(early.question)
    now[0] = 20.0
    requests.ask(late.question)
    requests.expire()
    assert early.answers == []
    now[0] = 31.0
    requests.expire()
    assert 'got none within 30 s' in early.answers[0].message
    assert late.answers == []
    assert requests.take() is late.question


def test_after_closing_all_are_refused() -> None:
    requests, before, after = (
        ImagineRequests(lambda: 0.0),
        Asked(POLICY, None),
        Asked(POLICY, None),
    )
    requests.ask(before.question)
    requests.close()
    requests.ask(after.question)
    assert [item.answers[0].message for item in (before, after)] == [INACTIVE, INACTIVE]
    assert requests.take() is None
