# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The page of results says what the files say, and keeps what people wrote."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.report.measured_files import read_measurements
from benchmarks.report.page import fill, write_report
from hma_ros.core.errors import ConfigError
from hma_ros.evaluation.measurements import as_result, write_measurements

POLICY = {
    'name': 'closed_loop',
    'task': 'sim_ur5e',
    'policy': 'model',
    'episodes': 40,
    'successes': 31,
    'mean_steps': 17.5,
}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    command = 'hma evaluate closed-loop --seed 3'
    write_measurements(tmp_path / 'out' / 'a.json', command, [POLICY], took_s=130)
    return tmp_path / 'out'


def test_a_new_page_has_every_table_with_its_command_and_machine(
    results: Path, tmp_path: Path
) -> None:
    page = tmp_path / 'docs' / 'results.md'
    write_report(page, results)
    text = page.read_text()
    section = text.partition('<!-- begin closed_loop -->')[2].partition('<!-- end')[0]
    assert '31 of 40' in section
    commands = text.partition('<!-- begin commands -->')[2].partition('<!-- end')[0]
    assert '; 3 min): `hma evaluate closed-loop --seed 3`' in commands
    assert '78%' in section
    assert '| onnxruntime ' in text.partition('<!-- begin machines -->')[2]
    assert text.count('*Not measured yet.*') == 26  # all but the closed loop


def test_a_claim_measured_on_two_machines_has_one_table(results: Path, tmp_path: Path) -> None:
    other = json.loads((results / 'a.json').read_text())
    other['machine']['processor'] = 'Other'
    other['results'][0]['successes'] = 40
    (results / 'b.json').write_text(json.dumps(other))
    page = tmp_path / 'results.md'
    write_report(page, results)
    section = page.read_text().partition('<!-- begin closed_loop -->')[2].partition('<!-- end')[0]
    assert section.count('| robot ') == 1
    assert '31 of 40' in section
    assert '40 of 40' in section
    assert section.count('| Other') + section.count('  Other |') == 1


def test_writing_again_changes_nothing(results: Path, tmp_path: Path) -> None:
    page = tmp_path / 'results.md'
    write_report(page, results)
    first = page.read_text()
    write_report(page, results)
    assert page.read_text() == first


def test_what_people_wrote_stays(results: Path, tmp_path: Path) -> None:
    page = tmp_path / 'results.md'
    write_report(page, results)
    page.write_text(page.read_text().replace('# Results', '# Mine') + '\nMy own words.\n')
    write_report(page, results)
    assert page.read_text().startswith('# Mine')
    assert page.read_text().endswith('My own words.\n')


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"mine\.md: got no '<!-- begin a -->'"):
        fill('nothing here', {'a': 'text'}, Path('mine.md'))


def test_an_empty_or_broken_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'no \*\.json, expected results of'):
        read_measurements(tmp_path)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{"command": "x"}', r"got no 'results', expected command, machine and results, as"),
        ('{"command": "x", "machine": {}, "results": []}', r"got no 'processor', expected"),
        ('[1]', 'got list, expected a JSON object'),
        ('{', 'got no JSON from line 1 on'),
    ],
)
def test_a_foreign_file_is_refused_by_what_it_lacks(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / 'a.json').write_text(text)
    with pytest.raises(ConfigError, match=rf'a\.json: {message}'):
        read_measurements(tmp_path)


def test_what_is_not_finite_becomes_null() -> None:
    @dataclass(frozen=True)
    class Measured:
        value: float
        pair: tuple[float, float]

    result = as_result('x', Measured(math.nan, (1.0, math.inf)))
    assert result == {'name': 'x', 'value': None, 'pair': [1.0, None]}
