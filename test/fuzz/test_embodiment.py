# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Embodiment files with a few things changed."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from cases import fuzz, outcome
from hypothesis import given
from hypothesis import strategies as st
from mutations import data, trees

from hma_ros.core.embodiment import available_embodiments, embodiment_folder, load_embodiment
from hma_ros.core.embodiment.build import build_embodiment
from hma_ros.core.embodiment.section import Section

FILES = {name: embodiment_folder() / f'{name}.yaml' for name in available_embodiments()}
NAMES = sorted(FILES)
TREES = {name: yaml.safe_load(path.read_text()) for name, path in FILES.items()}


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp('embodiments')


@fuzz(1200)
@given(case=st.sampled_from(NAMES).flatmap(lambda name: trees(TREES[name])))
def test_values(case: Any) -> None:
    path = Path('robots') / f'{case.get("name", "")!s:.20}.yaml'
    outcome('embodiment values', lambda: build_embodiment(Section(case, str(path)), path))


@fuzz(150)
@given(case=trees(TREES['sim_ur5e']))
def test_files(folder: Path, case: Any) -> None:
    path = folder / 'sim_ur5e.yaml'
    path.write_text(yaml.safe_dump(case, allow_unicode=True), encoding='utf-8')
    outcome('embodiment files', lambda: load_embodiment(path))


@fuzz(200)
@given(case=st.sampled_from(NAMES).flatmap(lambda name: data(FILES[name].read_bytes())))
def test_bytes(folder: Path, case: bytes) -> None:
    path = folder / 'robot.yaml'
    path.write_bytes(case)
    outcome('embodiment bytes', lambda: load_embodiment(path))
