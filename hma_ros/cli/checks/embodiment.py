# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""An embodiment file: valid, plausible, and fit for a bundle."""

from collections.abc import Iterator
from typing import Any

from hma_ros.cli.checks.finding import Finding, Level, fail, ok, warn
from hma_ros.cli.checks.packages import check_packages
from hma_ros.cli.checks.plausibility import check_plausibility, check_todos
from hma_ros.core.domains import stem_remedy
from hma_ros.core.embodiment import EmbodimentSpec, load_embodiment
from hma_ros.core.errors import HmaError


def check_file(name_or_path: str, bundle: str | None) -> list[Finding]:
    """
    Judge an embodiment file.

    :param bundle: name or folder; None to compare with none.
    """
    try:
        spec = load_embodiment(name_or_path)
    except HmaError as error:
        return [fail('embodiment', str(error), 'docs/reference/embodiments.md has every key')]
    findings = [describe_embodiment(spec), *check_embodiment(spec, executes=False)]
    return findings if bundle is None else [*findings, *_check_bundle(spec, bundle)]


def check_embodiment(spec: EmbodimentSpec, executes: bool) -> list[Finding]:
    """Judge a valid embodiment; ``executes`` says whether the robot is to be commanded."""
    return [*check_todos(spec), *check_plausibility(spec), *check_packages(spec, executes)]


def warnings_of(spec: EmbodimentSpec, executes: bool) -> list[Finding]:
    """Return what is not ok of :func:`check_embodiment`, or one line that all is."""
    found = check_embodiment(spec, executes)
    bad = [finding for finding in found if finding.level is not Level.OK]
    return bad or [ok('embodiment', 'its numbers make sense (`hma check` lists them)')]


def describe_embodiment(spec: EmbodimentSpec) -> Finding:
    """Say which file was read, and what it says of the model."""
    rates = f'{spec.rates.frame_hz:g} frames/s, {spec.rates.control_hz:g} actions/s'
    limit = '' if spec.action.is_verified else '; action.verified: false, so shadow mode only'
    return ok('embodiment', f'{spec.path}: stem {spec.stem}, {rates}{limit}')


def compare_with_manifest(spec: EmbodimentSpec, manifest: Any) -> list[Finding]:
    """Return what keeps a bundle from serving this embodiment, and what cannot be compared."""
    from hma_ros.runtime.fit import misfits

    if spec.stem not in manifest.stems:
        text = f'stem: got {spec.stem}, expected one of {", ".join(manifest.stems)}'
        remedy = f'correct `stem`, choose another bundle, or make one: {stem_remedy(spec.stem)}'
        return [fail('bundle', text, remedy)]
    try:
        found = [fail('bundle', text, remedy) for text, remedy in misfits(spec, manifest)]
        unsaid = manifest.robot(spec.stem).unsaid(spec)
    except HmaError as error:
        return [fail('bundle', str(error), 'export it again with what is missing')]
    if unsaid:
        found.append(warn('bundle', unsaid, 'import or train it again, or compare by hand'))
    return found


def _check_bundle(spec: EmbodimentSpec, bundle: str) -> list[Finding]:
    from hma_ros.bringup import bundle_folder

    try:
        from hma_ros.runtime.manifest import Manifest

        folder = bundle_folder(bundle)
        manifest = Manifest.read(folder)
    except (HmaError, ImportError) as error:
        return [fail('bundle', str(error), 'give bundle:=FOLDER')]
    text = f'{folder}: its stem {spec.stem} has these actions, rates and image size'
    found = compare_with_manifest(spec, manifest)
    if not any(finding.level is Level.FAIL for finding in found):
        found += [
            warn('bundle', f'{unfit}: mode execute would be refused', remedy)
            for unfit, remedy in unfit_to_execute(spec, manifest)
        ]
    return found or [ok('bundle', text)]


def unfit_to_execute(spec: EmbodimentSpec, manifest: Any) -> Iterator[tuple[str, str]]:
    """Yield why a bundle that fits may command nothing, and what to do."""
    if manifest.policy_refusal:
        yield f'predicts frames, but no actions: {manifest.policy_refusal}', 'use mode:=shadow'
    elif manifest.robot(spec.stem).trained_on == 'simulation' and not spec.simulated:
        remedy = 'fine-tune on this robot; allow_sim_bundle:=true overrides this at your own risk'
        yield 'trained in simulation', remedy
