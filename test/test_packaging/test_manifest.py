# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""package.xml is complete, and agrees with CMakeLists.txt, setup.py and the Python package."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import hma_ros

ROOT = Path(__file__).parents[2]
PACKAGE = ET.parse(ROOT / 'package.xml').getroot()  # noqa: S314 - our own file
_INTERFACES = ('_msgs', '_srvs', '_interfaces')
DEPEND_TAGS = ('buildtool_depend', 'build_depend', 'depend', 'exec_depend', 'test_depend')


def _depends(*tags: str) -> set[str]:
    return {str(node.text) for tag in tags for node in PACKAGE.iter(tag)}


def test_format_and_build_type() -> None:
    assert PACKAGE.get('format') == '3'
    assert PACKAGE.findtext('export/build_type') == 'ament_cmake'
    assert PACKAGE.findtext('member_of_group') == 'rosidl_interface_packages'


@pytest.mark.parametrize('tag', ['name', 'version', 'description', 'license'])
def test_required_members(tag: str) -> None:
    assert (PACKAGE.findtext(tag) or '').strip()


def test_maintainer_has_an_address() -> None:
    maintainer = PACKAGE.find('maintainer')
    assert maintainer is not None
    assert re.fullmatch(r'[^@\s]+@[^@\s]+\.[a-z]+', maintainer.get('email', ''))


def test_version_is_stated_alike() -> None:
    assert PACKAGE.findtext('version') == hma_ros.__version__
    assert f"version='{hma_ros.__version__}'" in (ROOT / 'setup.py').read_text()


def test_every_package_that_cmake_finds_is_a_dependency() -> None:
    found = set(re.findall(r'find_package\((\w+)', (ROOT / 'CMakeLists.txt').read_text()))
    assert found <= _depends(*DEPEND_TAGS)


def test_every_ros_import_is_a_dependency() -> None:
    wanted = {name for path in ROOT.glob('hma_ros/**/*.py') for name in _ros_imports(path)}
    assert wanted <= _depends('depend', 'exec_depend')


def test_every_message_package_is_used() -> None:
    files = [*ROOT.glob('hma_ros/**/*.py'), *ROOT.glob('config/**/*'), *ROOT.glob('msg/*')]
    text = '\n'.join(path.read_text() for path in files if path.is_file())
    packages = {name for name in _depends('depend', 'exec_depend') if name.endswith(_INTERFACES)}
    assert {name for name in packages if not re.search(rf'\b{name}\b', text)} == set()


def test_every_interface_is_generated() -> None:
    files = {str(path.relative_to(ROOT)) for path in [*ROOT.glob('msg/*'), *ROOT.glob('srv/*')]}
    cmake = (ROOT / 'CMakeLists.txt').read_text()
    assert files == set(re.findall(r'(?:msg|srv)/\w+\.(?:msg|srv)', cmake))


def _ros_imports(path: Path) -> set[str]:
    names = re.findall(r'^\s*(?:from|import) (\w+)', path.read_text(), re.MULTILINE)
    own = {'rclpy', 'launch', 'launch_ros', 'ament_index_python'}
    return {name for name in names if name.endswith(_INTERFACES) or name in own}


def test_rosbags_of_which_internals_are_used_is_not_updated_untested() -> None:
    bounds = re.findall(r"'rosbags([^']*)'", (ROOT / 'setup.py').read_text())
    assert bounds == ['>=0.11,<0.12'] * 2
