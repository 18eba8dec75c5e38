# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""docs/reference/nodes.md says what the nodes declare, parameter by parameter."""

import dataclasses
import re
from pathlib import Path

import pytest

from hma_ros.bringup import ARGUMENTS, Request, describe
from hma_ros.bringup.arguments import NODE_PARAMETERS
from hma_ros.nodes.action_executor_node import ActionExecutorParameters
from hma_ros.nodes.bag_recorder_node import BagRecorderParameters
from hma_ros.nodes.rollout_viewer_node import RolloutViewerParameters
from hma_ros.nodes.sim_robot_node import SimRobotParameters
from hma_ros.nodes.world_model_parameters import WorldModelParameters

TEXT = (Path(__file__).parents[2] / 'docs' / 'reference' / 'nodes.md').read_text()
KINDS = {
    'action_executor': ActionExecutorParameters,
    'bag_recorder': BagRecorderParameters,
    'rollout_viewer': RolloutViewerParameters,
    'sim_robot': SimRobotParameters,
    'world_model': WorldModelParameters,
}


def entry(field: 'dataclasses.Field[object]') -> str:
    low, high = field.metadata['range']
    allowed = ' to '.join(f'{bound:g}' for bound in (low, high) if bound is not None)
    allowed = allowed or ', '.join(field.metadata['choices'])
    default = str(field.default).lower() if isinstance(field.default, bool) else field.default
    return (
        f'| `{field.name}` | {type(field.default).__name__} | {default} | {allowed} | '
        f'{field.metadata["description"]} |'
    ).replace('  ', ' ')


def test_what_no_argument_sets_is_known_as_a_parameter_of_its_node() -> None:
    arguments = {name for name, _ in ARGUMENTS} | {'embodiment'}
    own = {
        name: tuple(f.name for f in dataclasses.fields(kind) if f.name not in arguments)
        for name, kind in KINDS.items()
    }
    assert own == NODE_PARAMETERS


@pytest.mark.parametrize('name', sorted(KINDS))
def test_lists_exactly_the_declared_parameters(name: str) -> None:
    section = re.search(rf'^## {name}$(.*?)(?=^## |\Z)', TEXT, re.MULTILINE | re.DOTALL)
    assert section
    listed = re.findall(r'^\| `.*?` \| (?:str|bool|int|float) \|.*$', section[1], re.MULTILINE)
    wanted = [entry(field) for field in dataclasses.fields(KINDS[name])]
    assert [line.replace('  ', ' ') for line in listed] == wanted


@pytest.mark.parametrize('sim', [True, False])
def test_bringup_gives_no_parameter_that_is_not_declared(sim: bool, tmp_path: Path) -> None:
    (tmp_path / 'manifest.json').write_text('{}')
    request = Request(robot='ur5e', sim=sim, bundle=str(tmp_path), record=True)
    for process in describe(request).processes:
        known = {field.name for field in dataclasses.fields(KINDS[process.node_name])}
        assert {name for name, _ in process.parameters} <= known | {'use_sim_time'}


def test_lists_exactly_the_arguments_of_the_bringup() -> None:
    section = TEXT.split('## Arguments of the bringup')[1]
    listed = re.findall(r'^\| `(\w+)` \| (\S*) ?\| .*? ?\| (.*) \|$', section, re.MULTILINE)
    assert listed == [
        (name, setting.default_text, setting.description) for name, setting in ARGUMENTS
    ]
