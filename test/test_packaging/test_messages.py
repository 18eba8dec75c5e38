# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The generated messages are importable beside the sources, and carry what others rely on."""

from hma_ros.msg import ActionChunk, PredictedRollout
from hma_ros.srv import Imagine, ResetEpisode


def test_action_chunk_fields() -> None:
    assert ActionChunk.get_fields_and_field_types() == {
        'header': 'std_msgs/Header',
        'embodiment': 'string',
        'names': 'sequence<string>',
        'units': 'sequence<string>',
        'step_dt': 'builtin_interfaces/Duration',
        'horizon': 'uint32',
        'actions': 'sequence<double>',
    }


def test_predicted_rollout_fields() -> None:
    assert PredictedRollout.get_fields_and_field_types() == {
        'header': 'std_msgs/Header',
        'embodiment': 'string',
        'frame_dt': 'builtin_interfaces/Duration',
        'horizon': 'uint32',
        'frames': 'sequence<sensor_msgs/Image>',
        'action_names': 'sequence<string>',
        'stride': 'uint32',
        'actions': 'sequence<double>',
    }


def test_reset_episode_fields() -> None:
    assert ResetEpisode.Request.get_fields_and_field_types() == {'seed': 'int64'}
    assert set(ResetEpisode.Response.get_fields_and_field_types()) == {'success', 'message'}


def test_imagine_fields() -> None:
    assert Imagine.Request.get_fields_and_field_types() == {
        'conditioning': 'uint8',
        'horizon': 'uint32',
        'action_names': 'sequence<string>',
        'stride': 'uint32',
        'actions': 'sequence<double>',
    }
    assert Imagine.Response.get_fields_and_field_types() == {
        'success': 'boolean',
        'message': 'string',
        'rollout': 'hma_ros/PredictedRollout',
        'step_dt': 'builtin_interfaces/Duration',
    }
    kinds = Imagine.Request
    assert (kinds.GIVEN, kinds.POLICY, kinds.NONE) == (0, 1, 2)
