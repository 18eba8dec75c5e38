# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The page of results: every table and chart is written from measurements, none by hand.

The page belongs to its authors; only what stands between two markers is replaced.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks.report.measured_files import Measurements, read_measurements
from benchmarks.report.scaling_tables import scaling_charts
from benchmarks.report.speed_tables import growth_charts
from benchmarks.report.tables import TABLES, machines_table
from hma_ros.core.errors import ConfigError
from hma_ros.evaluation.chart import Axis, line_chart
from hma_ros.evaluation.markdown import Result, joined

_SECTION = re.compile(r'(<!-- begin (\w+)[^>]*-->\n).*?(<!-- end \2 -->)', re.DOTALL)
_NOTHING = '*Not measured yet.*\n'
# Of a section: charts by file name.
_CHARTS = {'growth': growth_charts, 'scaling': scaling_charts}


def write_report(page: Path, measurements: Path) -> None:
    """
    Write all generated sections of a page; one that does not exist has nothing else.

    :param page: Markdown; charts go to ``images`` beside it.
    :param measurements: folder of JSON files, see :mod:`benchmarks.report.measured_files`.
    :raises ConfigError: nothing was measured, or a file is malformed.
    """
    files = read_measurements(measurements)
    sections = {name: _section(name, files) for name in TABLES}
    sections['commands'] = _commands(files)
    sections['machines'] = _machines(files)
    images = page.parent / 'images'
    images.mkdir(parents=True, exist_ok=True)
    # Several files may hold predictions; the chart shows those that most steps went into.
    predictions = max((file.section('prediction') for file in files), key=_steps)
    if any(item['horizon'] for item in predictions):
        (images / 'horizon.svg').write_text(horizon_chart(predictions))
        sections['prediction'] += '\n![PSNR over steps ahead](images/horizon.svg)\n'
    for section, charts in _CHARTS.items():
        results = [item for file in files for item in file.section(section)]
        for name, chart in charts(results).items():
            (images / name).write_text(chart)
            sections[section] += f'\n![{name.removesuffix(".svg")}](images/{name})\n'
    text = page.read_text(encoding='utf-8') if page.exists() else new_page(sections)
    page.write_text(fill(text, sections, page), encoding='utf-8')


def new_page(sections: Iterable[str]) -> str:
    """Return a page with a heading and both markers of each section."""
    places = (
        f'\n## {_title(name).capitalize()}\n\n<!-- begin {name} -->\n<!-- end {name} -->\n'
        for name in sections
    )
    return ''.join(('# Results\n', *places))


def fill(text: str, sections: Mapping[str, str], page: Path) -> str:
    """
    Replace what stands between the markers of the named sections; the rest stays.

    :param page: of the text, for errors.
    :raises ConfigError: a section has no place in the text.
    """
    missing = sections.keys() - {found[2] for found in _SECTION.finditer(text)}
    if missing:
        raise ConfigError(
            f"{page}: got no '<!-- begin {min(missing)} -->' with its end, expected both markers "
            'of each table; `python -m benchmarks report` writes a page with all of them where '
            'there is none yet'
        )
    return _SECTION.sub(
        lambda found: (
            f'{found[1]}{sections[found[2]]}{found[3]}' if found[2] in sections else found[0]
        ),
        text,
    )


def horizon_chart(results: Sequence[Result]) -> str:
    """Draw PSNR on changed pixels over steps ahead, copying dashed; SVG."""
    series = {}
    for item in results:
        for key, suffix in (('imagined_db', ''), ('copied_db', ', copied*')):
            series[f'{item["embodiment"]}{suffix}'] = [
                (step['steps_ahead'], step['changed'][key])
                for step in item['horizon']
                if step['changed'][key] is not None
            ]
    return line_chart(
        'Open-loop rollouts, pixels that changed', Axis('steps ahead'), Axis('PSNR, dB'), series
    )


def _steps(results: Sequence[Result]) -> int:
    return sum(item['steps'] for item in results)


def _section(name: str, files: Sequence[Measurements]) -> str:
    measured = {
        machine: results
        for machine, group in _by_machine(files).items()
        if (results := [item for file in group for item in file.section(name)])
    }
    if not measured:
        return _NOTHING
    tables = [
        str(joined({machine: write(results) for machine, results in measured.items()}))
        for write in TABLES[name]
    ]
    return '\n'.join(tables)


def _by_machine(files: Sequence[Measurements]) -> dict[str, list[Measurements]]:
    machines: dict[str, list[Measurements]] = {}
    for file in files:
        machines.setdefault(file.machine['processor'], []).append(file)
    return machines


def _commands(files: Sequence[Measurements]) -> str:
    """List each command with its tables; a result may have been measured by its own command."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for name in TABLES:
        for file in files:
            for item in file.section(name):
                command = item.get('command', file.command), _where(file)
                found.setdefault(command, {})[_title(name)] = None
    return ''.join(
        f'- {", ".join(tables)} ({where}): `{command}`\n'
        for (command, where), tables in found.items()
    )


def _title(name: str) -> str:
    return name.replace('_', ' ')


def _where(file: Measurements) -> str:
    """Name the processor, and how long it took if that is known."""
    took = '' if file.took_s is None else f'; {max(1, math.ceil(file.took_s / 60))} min'
    return f'{file.machine["processor"]}{took}'


def _machines(files: Sequence[Measurements]) -> str:
    machines = {}
    for name, group in _by_machine(files).items():
        facts = dict.fromkeys(fact for file in group for fact in file.machine)
        machines[name] = {
            fact: ', '.join(dict.fromkeys(file.machine.get(fact, '-') for file in group))
            for fact in facts
            if fact != 'processor'
        }
    return str(machines_table(machines))
