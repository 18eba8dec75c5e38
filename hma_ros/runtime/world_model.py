# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""HMA on the robot: observe frames, act, and imagine what follows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from hma_ros.core.errors import InferenceError
from hma_ros.core.masking import keep_most_confident, masked_after
from hma_ros.runtime.bundle import Bundle
from hma_ros.runtime.context import Context
from hma_ros.runtime.providers import Execution
from hma_ros.runtime.world import Rollout, check_frame, check_horizon


class WorldModel:
    """
    One model, one context (HMA, arXiv 2502.04296, sec. 3).

    :param bundle: folder of an exported model, or the opened bundle.
    :param stem: embodiment to serve, as the bundle names it.
    :param threads: of each graph; an opened bundle has its own.
    :raises BundleError: the bundle cannot be used.
    """

    def __init__(self, bundle: str | Path | Bundle, stem: str = '', threads: int = 2) -> None:
        if not isinstance(bundle, Bundle):
            bundle = Bundle(bundle, stem, Execution(threads=threads))
        self._bundle = bundle
        self.manifest = self._bundle.manifest
        self.stem = self._bundle.stem_info
        self.reset()

    @property
    def provider(self) -> str:
        """What the graphs run on: ``cpu``, ``cuda`` or ``tensorrt``."""
        return self._bundle.provider

    @property
    def rows(self) -> int:
        """Rows observed since the last reset."""
        return self._context.rows

    @property
    def can_imagine(self) -> bool:
        """Whether anything was observed: the policy says what follows."""
        return self._chunk is not None

    def reset(self) -> None:
        """Forget everything observed."""
        self._context = Context.empty(self.manifest)
        self._chunk: np.ndarray | None = None
        self._joints: np.ndarray | None = None

    def observe(
        self, frame: np.ndarray, executed: np.ndarray | None, joints: np.ndarray | None = None
    ) -> None:
        """
        Take in the next frame of the model clock.

        :param frame: ``uint8[H, W, 3]`` RGB.
        :param executed: ``float32[stride, A]`` what was executed since the frame before, in
            physical units; None where that is not known.
        :param joints: ``float32[J]`` measured with the frame, in the order of the stem's
            ``joint_names``, rad or m; None where they are not known.
        :raises InferenceError: wrong shape or type, or a graph failed; the context stays.
        """
        check_frame(frame, self.manifest.image_size)
        modulation, joints = self._modulation(executed), self._checked(joints)
        levels = self._bundle.encoder({'frames': frame[None]})[0][:, None]
        self._context, chunk = self._commit(self._context, levels, modulation, joints)
        self._chunk, self._joints = chunk[0], joints

    def act(self) -> np.ndarray:
        """
        Decide what to do from the newest frame on.

        The answer stays within the range of the demonstrations: beyond it the head only guesses.

        :returns: ``float32[stride, A]`` in physical units.
        :raises InferenceError: nothing was observed yet.
        """
        if self._chunk is None:
            raise InferenceError('act: the context is empty, expected an observed frame')
        return self._chunk.copy()

    def imagine(
        self,
        chunks: np.ndarray | None,
        horizon: int,
        is_enough: Callable[[], bool] = lambda: False,
    ) -> Rollout:
        """
        Imagine the frames that follow, and what the policy would do in them.

        One frame at a time, ``mask_steps`` masked passes each.

        :param chunks: ``float32[horizon, stride, A]`` to execute; None lets the policy choose.
        :param horizon: rows to imagine, ``1 <= horizon <= manifest.max_horizon``.
        :param is_enough: asked after each frame; true ends the rollout there.
        :raises InferenceError: the context is empty, or an argument is out of range.
        """
        check_horizon(chunks, horizon, self.manifest.max_horizon)
        context, joints, frames, actions = self._context, self._joints, [], []
        chunk = self.act()
        for row in range(horizon):
            chunk = chunk if chunks is None else np.asarray(chunks[row], np.float32)
            modulation = self._modulation(chunk)
            levels, values = self._generate(context, modulation)
            frames.append(self._bundle.decoder({'values': values[:, 0]})[0][0])
            actions.append(chunk)
            if row + 1 == horizon or is_enough():
                break
            joints = self._moved(joints, chunk)
            context, decided = self._commit(context, levels, modulation, joints)
            chunk = decided[0]
        return Rollout(np.stack(frames), np.stack(actions))

    def imagine_candidates(self, chunks_NHXA: np.ndarray, horizon: int) -> np.ndarray:
        """
        Imagine the futures of many action sequences, as one batch from the present context.

        :param chunks_NHXA: ``float32[N, horizon or more, stride, A]`` in physical units.
        :param horizon: rows to imagine, ``1 <= horizon <= manifest.max_horizon``.
        :returns: ``uint8[N, horizon, H, W, 3]`` RGB.
        :raises InferenceError: the context is empty, or an argument is out of range.
        """
        chunks = np.asarray(chunks_NHXA, np.float32)
        if chunks.ndim != 4 or not len(chunks):
            raise InferenceError(
                f'candidates: float32{list(chunks.shape)}, expected [N, horizon, stride, A] with '
                'at least one'
            )
        check_horizon(chunks[0], horizon, self.manifest.max_horizon)
        context, frames = self._context.spread(len(chunks)), []
        for row in range(horizon):
            modulation = self._modulations(chunks[:, row], is_known=True)
            levels, values = self._generate(context, modulation)
            frames.append(self._bundle.decoder({'values': values[:, 0]})[0])
            if row + 1 < horizon:
                context, _ = self._extend(context, levels, modulation)
        return np.stack(frames, 1)

    def reconstruct(self, frame: np.ndarray) -> np.ndarray:
        """Draw a frame from its own tokens: the best any imagined frame can be."""
        levels = self._bundle.encoder({'frames': frame[None]})[0]
        drawn: np.ndarray = self._bundle.decoder({'values': self._values(levels)})[0][0]
        return drawn

    def _commit(
        self,
        context: Context,
        levels: np.ndarray,
        modulation: np.ndarray,
        joints: np.ndarray | None,
    ) -> tuple[Context, np.ndarray]:
        context, features = self._extend(context, levels, modulation)
        chunk = self._bundle.head({'features': features, **self._head_joints(joints)})[0]
        shaped = chunk.reshape(-1, self.stem.stride, self.stem.action_dim)
        limited = shaped.clip(self.stem.lower, self.stem.upper).astype(np.float32)
        return context, limited

    def _extend(
        self, context: Context, levels: np.ndarray, modulation: np.ndarray
    ) -> tuple[Context, np.ndarray]:
        """Take rows into the context; also returns what the head reads."""
        visible = np.zeros(levels.shape[:-1], bool)
        previous = levels if context.levels is None else context.levels
        _, features, row = self._pass(context, levels, previous, visible, modulation)
        return context.append(row, levels), features

    def _generate(self, context: Context, modulation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Fill in a masked frame; returns its levels and the values to draw it from."""
        if context.levels is None:
            raise InferenceError('imagine: the context is empty, expected an observed frame')
        levels = context.levels.copy()
        masked = np.ones(levels.shape[:-1], bool)
        expected = self._values(levels)
        for step in range(self.manifest.mask_steps):
            logits = self._pass(context, levels, context.levels, masked, modulation)[0]
            probability = _softmax(logits)
            chosen = np.where(masked[..., None], probability.argmax(-1), levels)
            confidence = probability.max(-1).prod(-1)
            expected = np.where(masked[..., None], self._expectation(probability), expected)
            still = masked_after(step, self.manifest.mask_steps, self.manifest.image_tokens)
            masked = keep_most_confident(confidence[:, 0], masked[:, 0], still)[:, None]
            levels = np.where(masked[..., None], levels, chosen)
        return levels, expected

    def _pass(
        self,
        context: Context,
        levels: np.ndarray,
        previous: np.ndarray,
        masked: np.ndarray,
        modulation: np.ndarray,
    ) -> list[np.ndarray]:
        return self._bundle.trunk(
            {
                'levels': levels,
                'previous': previous,
                'masked': masked,
                'modulation': modulation,
                'past': context.past,
                'bias': context.bias,
            }
        )

    def _modulation(self, chunk: np.ndarray | None) -> np.ndarray:
        if chunk is not None:
            return self._modulations(np.asarray(chunk, np.float32)[None], is_known=True)
        shape = (1, self.stem.stride, self.stem.action_dim)
        return self._modulations(np.zeros(shape, np.float32), is_known=False)

    def _modulations(self, chunks: np.ndarray, is_known: bool) -> np.ndarray:
        """Do the work of the stem for a batch; of unknown chunks it does not read the zeros."""
        shape, batch = (self.stem.stride, self.stem.action_dim), len(chunks)
        if chunks.shape[1:] != shape or not np.isfinite(chunks).all():
            raise InferenceError(f'chunk: {chunks.tolist()}, expected finite float32{list(shape)}')
        known = np.full((batch, 1), is_known)
        return self._bundle.stem({'chunk': chunks.reshape(batch, 1, -1), 'known': known})[0][:, 0]

    def _checked(self, joints: np.ndarray | None) -> np.ndarray | None:
        if joints is None:
            return None
        values, names = np.asarray(joints, np.float32), self.stem.joint_names
        if values.shape != (len(names),) or not np.isfinite(values).all():
            raise InferenceError(
                f'joints: {values.tolist()}, expected finite float32[{len(names)}]: '
                f'{", ".join(names)}'
            )
        return values

    def _head_joints(self, joints: np.ndarray | None) -> dict[str, np.ndarray]:
        """Give the head what is measured; where nothing is, it does not read the zeros."""
        known = joints is not None
        values = np.zeros(len(self.stem.joint_names), np.float32) if joints is None else joints
        return {'joints': values[None, None], 'measured': np.full((1, 1), known)}

    def _moved(self, joints: np.ndarray | None, chunk: np.ndarray) -> np.ndarray | None:
        """Tell where a chunk brings the joints, if it commands them."""
        if joints is None or self.stem.joint_motion == 'unknown':
            return None
        moved: np.ndarray = (
            chunk[-1] if self.stem.joint_motion == 'last' else joints + chunk.sum(0)
        )
        return moved.astype(np.float32)

    def _values(self, levels: np.ndarray) -> np.ndarray:
        return (levels * (2 / (self.manifest.levels - 1)) - 1).astype(np.float32)

    def _expectation(self, probability: np.ndarray) -> np.ndarray:
        """Mean value of each factor: the least squared error where the model is unsure."""
        grid = np.linspace(-1, 1, self.manifest.levels, dtype=np.float32)
        mean: np.ndarray = (probability @ grid).astype(np.float32)
        return mean


def _softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    total: np.ndarray = shifted / shifted.sum(-1, keepdims=True)
    return total
