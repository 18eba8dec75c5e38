# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What a user types: launch arguments, parameters, parameter files."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from cases import fuzz, outcome
from hypothesis import given
from hypothesis import strategies as st
from mutations import ODD_TEXTS, TEXTS, data, trees

from hma_ros.bringup import ARGUMENTS, check_request, parse_request
from hma_ros.cli.run import parse_pairs

VALID = ('franka', 'ur5e', 'true', 'execute', '0', '1', '8', '0.5', 'cpu', 'left', '/left', '-1')
WORDS = st.sampled_from([*VALID, 'nan', 'inf', '1e9', '9' * 30, '٣', 'ur5e.yaml']) | TEXTS
NAMES = st.sampled_from([argument.name for argument in ARGUMENTS])


@fuzz(1000)
@given(
    st.dictionaries(NAMES | TEXTS, WORDS, max_size=6),
    st.sampled_from([{}, {'robot': 'franka'}, {'robot': 'planar', 'sim': 'true'}]),
)
def test_launch_arguments(values: dict[str, str], valid: dict[str, str]) -> None:
    request = outcome('launch arguments', lambda: parse_request({**values, **valid}))
    if request is not None:
        outcome(None, lambda: check_request(request))


@fuzz(300)
@given(st.lists(st.text(max_size=12) | st.sampled_from(['robot:=a', ':=', 'a:=b:=c']), max_size=5))
def test_words_of_a_command(words: list[str]) -> None:
    pairs = outcome('words', lambda: parse_pairs(words))
    assert pairs is None or len(pairs) == len(words)


@pytest.mark.ros
@fuzz(100)
@given(st.data())
def test_parameters(draw: Any) -> None:
    import rclpy
    from rclpy.parameter import Parameter

    from hma_ros.nodes.world_model_parameters import WorldModelParameters
    from hma_ros.ros.parameters import declare, read

    names = [field.name for field in fields(WorldModelParameters)]
    values = st.one_of(
        *(st.booleans(), st.floats(), st.integers(-(2**63), 2**63 - 1)),
        *(st.sampled_from([text for text in ODD_TEXTS if '\0' not in text]),),
        *(st.lists(st.floats(), min_size=1, max_size=3), st.sampled_from(VALID)),
    )
    given = draw.draw(st.dictionaries(st.sampled_from(names), values, max_size=3))
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    try:
        node = rclpy.create_node(
            'fuzz',
            context=context,
            parameter_overrides=[Parameter(name, value=value) for name, value in given.items()],
        )
        outcome('parameters', lambda: declare(node, WorldModelParameters))
        if all(node.has_parameter(name) for name in names):
            outcome(None, lambda: read(node, WorldModelParameters))
        node.destroy_node()
    finally:
        rclpy.try_shutdown(context=context)


FILE = {
    '/**': {'ros__parameters': {'threads': 2, 'mode': 'shadow'}},
    'world_model': {'ros__parameters': {'horizon': 8, 'a': {'b': [1, 2]}}},
    'left': {'action_executor': {'ros__parameters': {'ramp_in_s': 0.5}}},
}


@fuzz(250)
@given(
    trees(FILE).map(lambda tree: yaml.safe_dump(tree, allow_unicode=True).encode())
    | data(yaml.safe_dump(FILE).encode())
)
def test_parameter_files(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    files = pytest.importorskip('hma_ros.bringup.parameter_file')
    path = tmp_path_factory.getbasetemp() / 'parameters.yaml'
    Path(path).write_bytes(content)
    nodes = ('world_model', 'action_executor')
    file = outcome('parameter files', lambda: files.ParameterFile(path, '/left', nodes))
    if file is not None:
        assert isinstance(file.parameters('world_model'), dict)
