# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The service ~/imagine: actions in, the rollout they lead to out."""

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.task import Future

from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.errors import MessageError
from hma_ros.core.short_text import quoted
from hma_ros.ros.rollout_msg import from_rollout
from hma_ros.ros.stamps import to_duration
from hma_ros.srv import Imagine

_WHERE = '~/imagine'


class RolloutAnswer(Protocol):
    """What became of a request, see :mod:`hma_ros.runtime.imagine_requests`."""

    step: Any
    rollout: Any
    message: str


class ImagineService:
    """
    Receives requests and replies when they are answered; the executor goes on meanwhile.

    :param node: an HmaNode.
    :param spec: the embodiment.
    :param ask: takes conditioning, chunks ``float32[horizon, stride, A]`` or None, horizon, and
        a function that takes the answer, from any thread.
    """

    def __init__(
        self,
        node: Any,
        spec: EmbodimentSpec,
        ask: Callable[[int, NDArray[np.float32] | None, int, Callable[[Any], None]], None],
    ) -> None:
        self._node, self._spec, self._ask = node, spec, ask
        # A coroutine that waits would keep the other callbacks of its group from running.
        service = node.create_service(
            Imagine, '~/imagine', self._on_request, callback_group=ReentrantCallbackGroup()
        )
        self._unsent, self._is_closed = 0, False
        self._service = node.own(service, self._destroy)

    async def _on_request(self, request: Any, response: Any) -> Any:
        try:
            chunks = to_chunks(request, self._spec)
        except MessageError as error:
            response.message = str(error)
            return response
        answered = Future()

        def reply(answer: RolloutAnswer) -> None:
            answered.set_result(answer)
            # A future that is set in another thread does not wake the executor.
            if (executor := self._node.executor) is not None:
                executor.wake()

        self._unsent += 1
        try:
            self._ask(request.conditioning, chunks, request.horizon, reply)
            response = self._fill(response, await answered)
        finally:
            self._unsent -= 1
            if self._is_closed and not self._unsent:
                self._destroy_later()
        if response.success and chunks is not None:
            notes = (response.message, beyond_bounds(chunks, self._spec))
            response.message = '; '.join(filter(None, notes))
        return response

    def _destroy(self, service: Any) -> None:
        """Destroy the service, once the answers that wait for the executor are out."""
        self._is_closed = True
        if not self._unsent:
            self._node.destroy_service(service)

    def _destroy_later(self) -> None:
        # The executor, if there is one still, sends the answer first.
        if (executor := self._node.executor) is None:
            self._node.destroy_service(self._service)
        else:
            executor.create_task(self._node.destroy_service, self._service)

    def _fill(self, response: Any, answer: RolloutAnswer) -> Any:
        response.message = answer.message
        if answer.rollout is None:
            return response
        response.success = True
        header, rollout = answer.step.image.header, answer.rollout
        response.rollout = from_rollout(
            self._spec, answer.step.stamp_ns, rollout.frames, rollout.actions, header.frame_id
        )
        response.step_dt = to_duration(self._spec.rates.step_dt_s)
        return response


def to_chunks(request: Any, spec: EmbodimentSpec) -> NDArray[np.float32] | None:
    """
    Read the actions of a request.

    :returns: ``float32[horizon, stride, A]`` in the units of the embodiment; None if none are
        given.
    :raises MessageError: unknown conditioning, other names or stride than the embodiment, a wrong
        count, or a value that is not finite as float32.
    """
    kinds = (Imagine.Request.GIVEN, Imagine.Request.POLICY, Imagine.Request.NONE)
    if request.conditioning not in kinds:
        raise MessageError(
            f'{_WHERE}: conditioning: got {request.conditioning}, expected 0 (given), 1 (policy) '
            'or 2 (none)'
        )
    if request.conditioning != Imagine.Request.GIVEN:
        if request.actions:
            raise MessageError(
                f'{_WHERE}: actions: got {len(request.actions)} numbers, expected none unless '
                'conditioning is 0 (given); leave them out'
            )
        return None
    names, stride = list(spec.action.names), spec.rates.stride
    for what, got, expected in (
        ('action_names', list(request.action_names), names),
        ('stride', request.stride, stride),
    ):
        if got != expected:
            raise MessageError(f'{_WHERE}: {what}: got {quoted(got)}, expected {quoted(expected)}')
    shape = (request.horizon, stride, len(names))
    if len(request.actions) != math.prod(shape):
        raise MessageError(
            f'{_WHERE}: actions: got {len(request.actions)} numbers, expected {math.prod(shape)}, '
            f'{" x ".join(map(str, shape))} (horizon, stride, names)'
        )
    with np.errstate(over='ignore'):
        actions = np.array(request.actions, np.float32)
    if not np.isfinite(actions).all():
        index = int(np.argmax(~np.isfinite(actions)))
        got = request.actions[index]
        most = f' of at most {np.finfo(np.float32).max:.1e}' if math.isfinite(got) else ''
        raise MessageError(
            f'{_WHERE}: {names[index % len(names)]} of action {index // len(names)}: got {got}, '
            f'expected a finite number{most}'
        )
    return actions.reshape(shape)


def beyond_bounds(chunks: NDArray[np.float32], spec: EmbodimentSpec) -> str:
    """
    Say which actions lie beyond the bounds of the embodiment; empty if none do.

    :param chunks: ``float32[horizon, stride, A]`` in the units of the embodiment.
    """
    actions, bounds = chunks.reshape(-1, chunks.shape[-1]), spec.action
    lower, upper = (np.array(values, np.float32) for values in (bounds.lower, bounds.upper))
    beyond = np.argwhere((actions < lower) | (actions > upper))
    if not len(beyond):
        return ''
    index, axis = beyond[0]
    return (
        f'{_WHERE}: actions: got {len(beyond)} numbers beyond action.lower or action.upper, first '
        f'{bounds.names[axis]} {actions[index, axis]:g} of action {index}, expected '
        f'{lower[axis]:g} to {upper[axis]:g}; imagined all the same: these frames may be wrong'
    )
