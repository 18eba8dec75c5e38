# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Which build of the compiled library is loaded, and its own tests."""

import subprocess
import sys
from pathlib import Path

import pytest

from hma_ros.runtime import compiled
from hma_ros.runtime.compiled import ISA_VARIABLE, ISAS, isa, library, why_not

TESTS = sorted(Path(sys.prefix, 'build', 'native').glob('test_layers_*'))


def _choose(monkeypatch: pytest.MonkeyPatch, name: str) -> bool:
    monkeypatch.setenv(ISA_VARIABLE, name)
    compiled._load.cache_clear()
    return library() is not None


@pytest.fixture(autouse=True)
def _forget():
    yield
    compiled._load.cache_clear()


@pytest.mark.usefixtures('usual_library')
def test_an_instruction_set_is_chosen_by_name(monkeypatch):
    runs = [name for name in ISAS if _choose(monkeypatch, name) and isa() == name]
    monkeypatch.delenv(ISA_VARIABLE)
    compiled._load.cache_clear()
    # Only one that is known to gain over onnxruntime.
    assert isa() == ('avx512vnni' if 'avx512vnni' in runs else '')


def test_one_that_does_not_run_here_says_why(monkeypatch):
    missing = [name for name in ISAS if not _choose(monkeypatch, name)]
    for name in missing:
        assert not _choose(monkeypatch, name)
        assert name in why_not()
    # x86 and ARM have each what the other lacks.
    assert missing


def test_an_unknown_name_is_refused_with_the_known_ones(monkeypatch):
    assert not _choose(monkeypatch, 'mmx')
    assert why_not() == f"{ISA_VARIABLE}: got 'mmx', expected one of {', '.join(ISAS)}"


@pytest.mark.skipif(not TESTS, reason='the tests of native/ were not built: make setup-dev')
@pytest.mark.parametrize('test', TESTS, ids=lambda path: path.name)
def test_the_library_computes_what_double_precision_does(test):
    done = subprocess.run([test], capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stdout + done.stderr
