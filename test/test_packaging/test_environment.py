# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Requirements are pinned and name no server; the layers are guarded; the code stays small."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / 'hma_ros').rglob('*.py'))
MODULE_LINES = 400
FUNCTION_LINES = 60


@pytest.mark.parametrize(
    'path', sorted((ROOT / 'requirements').glob('*.txt')), ids=lambda p: p.stem
)
def test_requirements_are_pinned(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith('#')]
    assert lines
    assert [line for line in lines if not re.fullmatch(r'[\w.-]+==[\w.]+', line)] == []


def test_the_robot_needs_no_torch() -> None:
    for name in ('ros', 'runtime'):
        assert 'torch' not in (ROOT / 'requirements' / f'{name}.txt').read_text().split('==')


def test_every_layer_has_a_contract() -> None:
    text = (ROOT / 'pyproject.toml').read_text()
    guarded = set(re.findall(r"source_modules = \['hma_ros\.(\w+)'\]", text))
    folders = {path.parent.name for path in (ROOT / 'hma_ros').glob('*/__init__.py')}
    # cli may import anything.
    assert folders - guarded == {'cli'}


@pytest.mark.parametrize('path', SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MODULE_LINES
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    long = [
        node.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, functions) and (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES
    ]
    assert long == []
