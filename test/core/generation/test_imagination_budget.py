# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The imagination takes the time there is, whatever the clock's speed."""

from hma_ros.core.generation.imagination_budget import ImaginationBudget


def test_begins_with_one_frame_to_learn_the_cost() -> None:
    budget = ImaginationBudget(8, step_interval_s=0.1)
    assert budget.frames(0.0) == 1
    budget.step_arrived(0.0)
    assert budget.frames(0.0) == 1


def test_fills_four_fifths_of_the_time_that_is_left() -> None:
    budget = ImaginationBudget(8, step_interval_s=0.1)
    budget.step_arrived(10.0)
    budget.imagined(1, 0.01)
    # 0.8 * (0.1 - 0.03) s = 56 ms at 10 ms per frame
    assert budget.frames(10.03) == 5
    assert budget.frames(10.0) == 8
    assert budget.frames(10.2) == 1


def test_learns_the_interval_of_the_steps() -> None:
    budget = ImaginationBudget(100, step_interval_s=0.1)
    for step in range(40):
        budget.step_arrived(step * 0.5)
    budget.imagined(2, 0.02)
    assert budget.frames(39 * 0.5) in (39, 40)


def test_a_pause_is_no_interval() -> None:
    budget = ImaginationBudget(100, step_interval_s=0.1)
    budget.step_arrived(0.0)
    budget.restart()
    budget.step_arrived(60.0)
    budget.imagined(1, 0.01)
    assert budget.frames(60.0) == 8
