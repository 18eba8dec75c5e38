# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Variables that make ROS end a process, judged before ROS reads them."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping

from hma_ros.bringup import FASTDDS_VARIABLES
from hma_ros.cli.checks.finding import Finding, Level, fail, ok, warn
from hma_ros.core.errors import ConfigError
from hma_ros.core.short_text import quoted
from hma_ros.core.writable import LOG_REMEDY, log_folder, log_refusal

DOMAIN = 'ROS_DOMAIN_ID'
_MIDDLEWARE = 'RMW_IMPLEMENTATION'
# Those DDS has ports for, and those whose ports no system gives to outgoing connections.
DOMAINS = range(233)
SAFE_DOMAINS = range(102)


def check_environment(environment: Mapping[str, str]) -> None:
    """
    Refuse an environment in which no node would run, in the words of ``hma doctor``.

    :param environment: the variables that the nodes will get.
    :raises ConfigError: one of them is wrong.
    """
    for finding in (
        judge_domain(environment.get(DOMAIN, '')),
        judge_profile(environment),
        judge_logs(environment),
        judge_middleware(environment),
    ):
        if finding is not None and finding.level is Level.FAIL:
            raise ConfigError(f'{finding.subject}: {finding.text}; {finding.remedy}')


def judge_domain(text: str) -> Finding:
    """
    Judge a ROS_DOMAIN_ID before DDS does, which ends the process.

    :param text: the variable; empty where it is not set.
    """
    safe = f'0 to {SAFE_DOMAINS[-1]}'
    remedy = f'export {DOMAIN}=N with N from {safe}, the same for all computers of the robot'
    # In C notation, as ROS reads it.
    number = re.fullmatch(r'0x[0-9a-f]{1,8}|0|[1-9][0-9]{0,8}|', text.strip().lower())
    domain = int(number.group() or '0', 0) if number else -1
    if domain not in DOMAINS:
        expected = f'expected an integer from 0 to {DOMAINS[-1]} ({safe} is safe)'
        return fail(DOMAIN, f'got {quoted(text)}, {expected}', remedy)
    if domain not in SAFE_DOMAINS:
        reason = 'other programs may be given its ports (ephemeral ports)'
        return warn(DOMAIN, f'got {domain}, expected {safe}: {reason}', remedy)
    return ok(DOMAIN, str(domain))


def judge_profile(environment: Mapping[str, str]) -> Finding:
    """Judge whether the profiles of Fast DDS are there: it would go on without them."""
    for name in FASTDDS_VARIABLES:
        path = environment.get(name)
        if path and not os.path.isfile(path):  # noqa: PTH113 - text from the environment
            text = f'{name}: got {quoted(path)}, which is no file, expected a profile'
            return fail('Fast DDS', text, f'correct or unset {name}')
    return ok('Fast DDS', 'profiles as the environment says')


def judge_logs(environment: Mapping[str, str]) -> Finding:
    """Judge whether ROS can write its logs: no node starts where it cannot."""
    refusal = log_refusal(environment)
    if refusal is not None:
        return fail('logs', refusal, LOG_REMEDY)
    return ok('logs', log_folder(environment))


def judge_middleware(environment: Mapping[str, str]) -> Finding | None:
    """Return what is wrong with the middleware that is asked for; None if nothing is."""
    name = environment.get(_MIDDLEWARE, '')
    if not name or _loads(environment):
        return None
    text = f'{_MIDDLEWARE}: got {quoted(name)}, expected one that is installed'
    return fail('rclpy', text, 'unset it, or install its package')


def _loads(environment: Mapping[str, str]) -> bool:
    """Whether rclpy loads; a middleware that there is not ends the process, so ask another one."""
    program = 'try: import rclpy\nexcept ImportError: pass'
    command = [sys.executable, '-c', program]
    return subprocess.run(command, env=environment, capture_output=True).returncode == 0
