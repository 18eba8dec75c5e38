# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What an action head reads: places in the image, and joints where they are measured."""

import torch

from hma_ros.network.config import Domain, Joints, preset
from hma_ros.network.keypoints import KeypointHead, Keypoints

JOINTS = Joints(('a', 'b'), (1.0, 2.0), (0.1, 0.1), 'last', (0.0, 0.0), (0.01, 0.01), state_size=5)
STEM = Domain('two', 1, (0.0, 0.0), (1.0, 1.0), joints=JOINTS)
SIZES = preset('small', [STEM], layers=1, heads=1, width=8, positions=16, action_tokens=1)


def test_a_point_is_where_its_thing_is_to_a_part_of_a_token():
    points = Keypoints(8, 16)
    points.look = torch.nn.Linear(8, 48)
    torch.nn.init.zeros_(points.look.weight)
    torch.nn.init.zeros_(points.look.bias)
    with torch.no_grad():
        points.look.weight[0, 0] = 100.0  # the first point looks for the first feature
        points.look.weight[1, 1] = 1.0  # and the second feature moves it down
    image = torch.zeros(1, 1, 16, 8)
    image[0, 0, 4 * 2 + 3, :2] = torch.tensor([1.0, 0.05])
    place = points(image)[0, 0, :2]
    torch.testing.assert_close(place, torch.tensor([1 / 3 + 0.05, 1.0]))
    image[0, 0, 4 * 2 + 2, 0] = 1.0  # half of it in the token before
    torch.testing.assert_close(points(image)[0, 0, 1], torch.tensor(2 / 3))


def test_targets_are_ways_from_the_joints_and_unmeasured_joints_are_not_read():
    torch.manual_seed(0)
    head = KeypointHead(STEM, SIZES)
    features, measured = torch.randn(1, 2, 17, 8), torch.tensor([[True, False]])
    near, far = torch.ones(1, 2, 2), torch.full((1, 2, 2), 3.0)
    first, second = head(features, near, measured), head(features, far, measured)
    torch.testing.assert_close(first[0, 0], near[0, 0], atol=0.1, rtol=0)
    torch.testing.assert_close(second[0, 0], far[0, 0], atol=0.1, rtol=0)
    torch.testing.assert_close(first[0, 1], second[0, 1])
    assert head.read(features, near, measured)[1].shape == (1, 2, 5)
