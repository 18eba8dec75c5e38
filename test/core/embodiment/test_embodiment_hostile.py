# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""An embodiment file that is anything at all: a clear error, in bounded time and memory."""

import os
import re
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hma_ros.core.embodiment import EmbodimentSpec, bounds, embodiment_folder, load_embodiment
from hma_ros.core.embodiment.section import parse_yaml
from hma_ros.core.errors import EmbodimentError

SHIPPED = (embodiment_folder() / 'sim_ur5e.yaml').read_text()
MOST_S = 10.0
MOST_KB = 100_000


def refusal(text: str | bytes, tmp_path: Path) -> str:
    """Write a file, load it, and return why it was refused: short, soon and cheaply."""
    path = tmp_path / 'robot.yaml'
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return refusal_of(path)


def refusal_of(path: Path) -> str:
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started_s = time.monotonic()
    with pytest.raises(EmbodimentError) as error:
        load_embodiment(path)
    assert time.monotonic() - started_s < MOST_S
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < MOST_KB
    assert len(str(error.value)) < 2000
    return str(error.value).removeprefix(f'{path}: ')


def bomb(levels: int, kind: str) -> str:
    """Return a few lines that unfold to ten to the power of ``levels`` entries."""
    lines = ['a0: &a0 {x: 1}' if kind == 'merge' else 'a0: &a0 [x]']
    for level in range(1, levels + 1):
        ten = ', '.join([f'*a{level - 1}'] * 10)
        inside = f'{{<<: [{ten}]}}' if kind == 'merge' else f'[{ten}]'
        lines.append(f'a{level}: &a{level} {inside}')
    return '\n'.join(lines)


@pytest.mark.parametrize('kind', ['list', 'merge'])
def test_aliases_that_unfold_without_end_are_refused(tmp_path: Path, kind: str) -> None:
    assert 'got more than 10000 entries, aliases unfolded' in refusal(bomb(30, kind), tmp_path)


@pytest.mark.parametrize('text', ['a: &a [*a]', 'a: &a {b: *a}', '&a {<<: *a}', 'a: &a {<<: *a}'])
def test_an_alias_inside_itself_is_refused(tmp_path: Path, text: str) -> None:
    assert 'got an alias inside of what it stands for' in refusal(text, tmp_path)


@pytest.mark.parametrize('brackets', ['[]', '{}'])
@pytest.mark.parametrize('depth', [30, 1000, 40_000])
def test_deep_nesting_is_refused(tmp_path: Path, depth: int, brackets: str) -> None:
    text = f'a: {brackets[0] * depth}{brackets[1] * depth}'
    reason = refusal(text, tmp_path)
    assert 'got more than 20 levels' in reason or 'got a collection as a key' in reason


@pytest.mark.parametrize(
    ('data', 'text'),
    [
        (b'\xff\xfe\x00a', 'expected a readable UTF-8 file'),
        (bytes(range(128, 256)), 'expected a readable UTF-8 file'),
        (b'name: a\0b', 'expected valid YAML'),
        (b'name: \x1b[31m', 'expected valid YAML'),
        (b'\x89PNG\r\n\x1a\n', 'expected a readable UTF-8 file'),
        (b'when: 2026-99-99', 'expected valid YAML'),
        (b'a: !!timestamp x', 'expected valid YAML'),
        (b'a: !!int ""', 'expected valid YAML'),
        (b'a: !!bool x', 'expected valid YAML'),
        (b'1: a', "got '1' as a key"),
        (b'yes: a', "got 'yes' as a key"),
        (b'? [a, b]\n: c', 'got a collection as a key'),
        (b'--- a\n--- b', 'expected valid YAML'),
        (b'#' * (bounds.FILE_BYTES + 1), 'got more than 100000 bytes'),
        (b'a: ' + b'1' * 99_990, 'expected'),
        (b'name: ' + b'x' * 99_990, 'expected'),
        (b'a: ' + b'1:' * 49_990 + b'1', 'expected'),
        (b'[' * 99_990, 'got more than 20 levels'),
        (b'? ' * 49_990, 'got more than 20 levels'),
        (b'- ' * 49_990, 'got more than 20 levels'),
        (b'a: "' + b'\\\n' * 49_990, 'expected valid YAML'),
        (b'a: &' + b'b' * 90_000 + b' 1', 'expected'),
        (b'\n'.join(b'k%d: 1' % index for index in range(9_000)), 'expected'),
    ],
    ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else '',
)
def test_what_is_no_embodiment_is_refused(tmp_path: Path, data: bytes, text: str) -> None:
    assert text in refusal(data, tmp_path)


@pytest.mark.parametrize('path', ['/dev/zero', '/dev/null', '/', '/dev/stdin'])
def test_devices_and_folders_are_refused(path: str) -> None:
    if path == '/dev/stdin' and Path(path).is_file():
        pytest.skip('the test reads from a file')
    with pytest.raises(EmbodimentError, match='expected a re'):
        load_embodiment(Path(path))


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'robot.yaml')
    assert 'expected a regular file' in refusal_of(tmp_path / 'robot.yaml')


@pytest.mark.parametrize('name', ['a\0.yaml', 'x' * 5000, 'x' * 5000 + '.yaml', '/a/b.yaml'])
def test_names_that_no_file_can_have_are_refused(name: str) -> None:
    with pytest.raises(EmbodimentError) as error:
        load_embodiment(name)
    assert 'expected' in str(error.value)


@pytest.mark.parametrize(
    ('key', 'bad'),
    [
        ('frame_hz', ['.inf', '.nan', '-.inf', '1e400', '1.0e+400', '1' + '0' * 400, '0', '1001']),
        ('frame_hz', ['1.0e-300', '-5', 'true', '2026-01-01', '0x' + 'f' * 5000, '"5"', '[5]']),
        ('command_hz', ['.inf', '1001', '1' + '0' * 5000]),
        ('control_hz', ['.nan', '1.0e+308']),
        ('stride', ['0', '1001', '-1', '1' + '0' * 400, '0x' + 'f' * 5000, '2.0']),
        ('height', ['0', '10001', '1' + '0' * 5000, '.inf']),
        ('width', ['0', '10001', '4294967296']),
        ('max_age_s', ['0', '-1', '.inf', '.nan', '1.0e+10', '1.0e-7', '1' + '0' * 400]),
        ('time_from_start_s', ['0', '.inf', '1.0e+10']),
        ('home', ['[.nan, 0, 0, 0, 0, 0]', '[1.0e+10, 0, 0, 0, 0, 0]', '[1%s, 0]' % ('0' * 400)]),
        ('velocity', ['[.inf, 1, 1, 1, 1, 1]', '[1.0e-9, 1, 1, 1, 1, 1]', '.inf']),
        ('lower', ['[-.inf, 1, 1, 1, 1, 1]', '[1.0e+300, 1, 1, 1, 1, 1]']),
        ('yuv_range', ['wide', '1', '[full]']),
    ],
)
def test_absurd_numbers_are_refused_by_key(tmp_path: Path, key: str, bad: list[str]) -> None:
    data = yaml.safe_load(SHIPPED)
    data['name'], data['camera']['yuv_range'] = 'robot', 'full'
    lines = yaml.safe_dump(data, default_flow_style=None, width=10_000).splitlines()
    places = [index for index, line in enumerate(lines) if f'{key}:' in line]
    for value in bad:
        text = '\n'.join(lines)
        line = lines[places[0]]
        text = text.replace(line, f'{line.partition(key)[0]}{key}: {value}', 1)
        reason = refusal(text, tmp_path)
        assert f'{key}: got' in reason or 'expected valid YAML' in reason, (value, reason)


def test_an_error_does_not_write_out_what_an_alias_repeats(tmp_path: Path) -> None:
    text = f'a: &a {"x" * 80_000}\n{SHIPPED}'.replace('home: [', f'home: [{"*a, " * 3000}')
    assert len(refusal(text, tmp_path)) < 500


@pytest.mark.parametrize('key', ['name', 'interface', 'semantics', 'type'])
def test_an_error_quotes_only_the_beginning_of_a_long_word(tmp_path: Path, key: str) -> None:
    word = '\U00010bb0' * 5000
    named = SHIPPED.replace('name: sim_ur5e', 'name: robot', 1)
    text = re.sub(rf'(?m)^(\W*{key}): .*', rf'\1: {word}', named, count=1)
    assert f'{key}: got' in refusal(text, tmp_path)


def test_ordinary_anchors_and_aliases_work() -> None:
    assert '*joints' in SHIPPED
    assert isinstance(load_embodiment('sim_ur5e'), EmbodimentSpec)
    merged = parse_yaml('a: &a {x: 1}\nb: {<<: *a, y: 2}', 'file').section('b')
    assert (merged.integer('x', 0), merged.integer('y', 0)) == (1, 2)


PIECES = st.sampled_from(
    [
        'a',
        'b: ',
        '- ',
        '[',
        ']',
        '{',
        '}',
        ', ',
        '&a ',
        '*a',
        '<<: ',
        '\n',
        '  ',
        '!!int ',
        '!!set ',
    ]
)
SIGNS = st.sampled_from('\'"|>?#-1:%@\t\0')


def error_of(action: Callable[[], object]) -> str:
    """Return the text of the EmbodimentError of an action; no other error may come."""
    try:
        action()
    except EmbodimentError as error:
        return str(error)
    return ''


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.text(), st.lists(PIECES | SIGNS, max_size=60).map(''.join)))
def test_any_text_is_a_mapping_or_an_error(text: str) -> None:
    assert len(error_of(lambda: parse_yaml(text, 'file'))) < 2000


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**400), 10**400),
        st.floats(),
        st.text(max_size=5),
        st.binary(max_size=5),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=7), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_any_value_anywhere_is_taken_or_refused(tmp_path_factory: Any, data: Any) -> None:
    tree = yaml.safe_load(SHIPPED)
    part: Any = tree
    while True:
        keys = sorted(part) if isinstance(part, dict) else list(range(len(part)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(part[key], dict | list) or not part[key] or data.draw(st.booleans()):
            part[key] = data.draw(VALUES)
            break
        part = part[key]
    path = tmp_path_factory.getbasetemp() / 'sim_ur5e.yaml'
    path.write_text(yaml.safe_dump(tree, allow_unicode=True), encoding='utf-8')
    assert len(error_of(lambda: load_embodiment(path))) < 2000
