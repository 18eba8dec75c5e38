# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Whether a bundle may command a robot at all."""

from rclpy.logging import get_logger

from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.errors import BundleError, ConfigError
from hma_ros.runtime.fit import check_fit
from hma_ros.runtime.manifest import Manifest


def check_may_execute(spec: EmbodimentSpec, mode: str, bundle: str, allow: bool) -> None:
    """
    Refuse to command a robot without a policy, or a real one with what was trained in simulation.

    Actions whose meaning is not verified command nothing either.

    :param bundle: folder of the bundle whose chunks are executed.
    :param allow: the user says that it shall be done nevertheless.
    :raises ConfigError: execution is refused.
    :raises BundleError: the bundle's manifest cannot be read, or its stem is of another robot, see
        :func:`~hma_ros.runtime.fit.check_fit`.
    """
    if mode != 'execute':
        return
    if not spec.action.is_verified:
        raise ConfigError(
            f'{spec.path}: action.verified: got false, expected true for mode:=execute; use '
            'mode:=shadow, or check what the numbers of an action mean and say so'
        )
    if not bundle:
        if spec.simulated:
            return
        raise ConfigError(
            f'bundle: got nothing, expected the folder of the bundle that commands {spec.name} '
            'with mode:=execute'
        )
    manifest = Manifest.read(bundle)
    if refusal := manifest.policy_refusal:
        raise ConfigError(
            f'{bundle}: expected a bundle with a policy for mode:=execute, but {refusal}; use '
            'mode:=shadow, in which it predicts'
        )
    check_fit(spec, manifest)
    stem = manifest.robot(spec.stem)
    if (unsaid := stem.unsaid(spec)) and not spec.simulated:
        raise ConfigError(f'{bundle}: {unsaid}, or use mode:=shadow')
    if stem.trained_on == 'simulation' and not (allow or spec.simulated):
        raise ConfigError(
            f'{bundle}: got one trained in simulation, expected a bundle trained on a robot, to '
            f'command the real {spec.name} with mode:=execute; use mode:=shadow, or '
            'allow_sim_bundle:=true if you are sure'
        )


def no_actions(mode: str, bundle: str) -> str:
    """
    Return why no chunk will ever come, in shadow mode; empty if some may, or if it is not known.

    :param bundle: folder of the bundle; empty where it is not known. It may be on the computer of
        the model alone: one that cannot be read is a warning.
    """
    if mode == 'execute' or not bundle:
        return ''
    try:
        refusal = Manifest.read(bundle).policy_refusal
    except BundleError as error:
        get_logger('action_executor').warning(f'waiting for chunks of an unknown model: {error}')
        return ''
    return refusal and f'the model has no policy: no actions will come: {refusal}'
