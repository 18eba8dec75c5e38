# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What runs elsewhere names what is here: workflows, images, changelog, make targets."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from hma_ros.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / '.github' / 'workflows').glob('*.yaml'))
DOCKERFILES = sorted((ROOT / 'docker').glob('Dockerfile*'))
# It calls methods that docutils and pyparsing have renamed.
CATKIN_PKG_IS_OLD = pytest.mark.filterwarnings(
    'ignore::DeprecationWarning', 'ignore::PendingDeprecationWarning'
)


def _steps(workflow: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(workflow.read_text())['jobs']
    return [step for job in jobs.values() for step in job['steps']]


@pytest.mark.parametrize('workflow', WORKFLOWS, ids=lambda path: path.stem)
def test_every_workflow_checks_out_and_runs_something(workflow: Path) -> None:
    # YAML 1.1 reads the key `on` as true.
    assert yaml.safe_load(workflow.read_text())[True]
    steps = _steps(workflow)
    assert steps[0]['uses'].startswith('actions/checkout@')
    assert all(('uses' in step) != ('run' in step) for step in steps)


def test_contributing_names_every_workflow() -> None:
    text = (ROOT / 'CONTRIBUTING.md').read_text()
    names = {f'.github/workflows/{path.name}' for path in WORKFLOWS}
    assert {name for name in names if f'`{name}`' not in text} == set()


def test_workflows_run_files_that_are_here() -> None:
    commands = [step['run'] for path in WORKFLOWS for step in _steps(path) if 'run' in step]
    assert os.access(ROOT / '.ci' / 'run', os.X_OK)
    assert '.ci/run' in commands


def test_each_ros_distribution_is_built_on_both_machines() -> None:
    text = (ROOT / '.github' / 'workflows' / 'ros.yaml').read_text()
    matrix = yaml.safe_load(text)['jobs']['industrial_ci']['strategy']['matrix']
    assert matrix['distro'] == ['humble', 'jazzy', 'kilted']
    assert matrix['runner'] == ['ubuntu-24.04', 'ubuntu-24.04-arm']


@pytest.mark.parametrize('dockerfile', DOCKERFILES, ids=lambda path: path.name)
def test_images_copy_what_is_here(dockerfile: Path) -> None:
    text = dockerfile.read_text()
    sources = re.findall(r'^COPY (\S+) ', text, re.MULTILINE)
    ignored = (ROOT / '.dockerignore').read_text().splitlines()
    assert sources == ['package.xml', '.']
    assert [name for name in sources if not (ROOT / name).exists() or name in ignored] == []
    entry = re.search(r'^ENTRYPOINT \["/workspace/src/hma_ros/(.+)"\]', text, re.MULTILINE)
    assert entry
    assert os.access(ROOT / entry[1], os.X_OK)


def test_the_documented_build_arguments_are_those_of_the_images() -> None:
    guide = (ROOT / 'docs' / 'how-to' / 'run-in-a-container.md').read_text()
    documented = set(re.findall(r'^\| `([A-Z][A-Z0-9_]+)` \|', guide, re.MULTILINE))
    text = '\n'.join(path.read_text() for path in DOCKERFILES)
    assert documented == set(re.findall(r'^ARG (\w+)=', text, re.MULTILINE))


@CATKIN_PKG_IS_OLD
def test_bloom_reads_every_entry_of_the_changelog() -> None:
    changelog = pytest.importorskip('catkin_pkg.changelog')
    text = (ROOT / 'CHANGELOG.rst').read_text()
    # As catkin_prepare_release names the section; before that, its entries belong to no version.
    released = re.sub(r'^Forthcoming\n-+$', f'0.1.0 (2026-01-01)\n{"-" * 18}', text, flags=re.M)
    log = changelog.populate_changelog_from_rst(changelog.Changelog('hma_ros'), released)
    entries = [
        bullet
        for _, _, parts in log.foreach_version()
        for part in parts
        if isinstance(part, changelog.BulletList)
        for bullet in part
    ]
    assert len(entries) == len(re.findall(r'^\* ', text, re.MULTILINE)) > 0


def test_the_changelog_marks_code_as_rst_does() -> None:
    text = (ROOT / 'CHANGELOG.rst').read_text()
    without_code_and_links = re.sub(r'``.+?``|`[^`]+`_', '', text, flags=re.DOTALL)
    assert '`' not in without_code_and_links


@CATKIN_PKG_IS_OLD
@pytest.mark.parametrize(('headless', 'wanted'), [('', True), ('0', True), ('1', False)])
def test_a_headless_robot_needs_neither_simulator_nor_rviz(headless: str, wanted: bool) -> None:
    package = pytest.importorskip('catkin_pkg.package').parse_package(str(ROOT))
    package.evaluate_conditions({'HMA_ROS_HEADLESS': headless} if headless else {})
    names = {item.name for item in package.exec_depends if item.evaluated_condition}
    assert {'rclpy', 'python3-pil', 'python3-onnxruntime-pip'} <= names
    assert ('python3-mujoco-pip' in names, 'rviz2' in names) == (wanted, wanted)


def test_the_reference_lists_every_command() -> None:
    page = (ROOT / 'docs' / 'reference' / 'command.md').read_text()
    listed = re.findall(r'^\| `hma ([a-z-]+)', page.split('\n## ')[0], re.MULTILINE)
    assert tuple(listed) == COMMANDS


def test_quick_tests_are_folders_of_the_tests() -> None:
    makefile = (ROOT / 'Makefile').read_text()
    folders = re.search(r'^QUICK := (.+)$', makefile, re.MULTILINE)
    assert folders
    assert [name for name in folders[1].split() if not (ROOT / name).is_dir()] == []


def test_every_make_target_is_documented_and_phony() -> None:
    makefile = (ROOT / 'Makefile').read_text()
    targets = set(re.findall(r'^([a-z-]+):', makefile, re.MULTILINE))
    phony = re.search(r'^\.PHONY: (.+)$', makefile, re.MULTILINE)
    assert phony
    assert set(phony[1].split()) == targets
    command = ['make', '--no-print-directory', 'help']
    listed = subprocess.check_output(command, cwd=ROOT, text=True)
    assert {line.split()[0] for line in listed.splitlines()} == targets
