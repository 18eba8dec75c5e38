# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The world model of a bundle: images in, chunks and imagined frames out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from hma_ros.core.errors import InferenceError
from hma_ros.core.generation.decoding import Decoding
from hma_ros.core.generation.diffusion import Sampling
from hma_ros.core.generation.likelihood import TokenScore
from hma_ros.core.generation.problem_setting import ProblemSetting
from hma_ros.runtime.continuous import PatchFiller, Sampler
from hma_ros.runtime.discrete import TokenFiller
from hma_ros.runtime.engine import check_tokenizer_precision
from hma_ros.runtime.frames import BundleCodec
from hma_ros.runtime.guidance import AnyModel, GuidedModel
from hma_ros.runtime.manifest import PATCH_HEAD, Manifest
from hma_ros.runtime.model import Model
from hma_ros.runtime.providers import Execution
from hma_ros.runtime.rollout import Rollout, check_horizon
from hma_ros.runtime.token_world_model import TokenWorldModel


class WorldModel:
    """
    One model and one context of a robot.

    A model whose blocks must be told every action, as upstream's, begins its context anew where
    one is not known.

    :param folder: of the bundle.
    :param stem: embodiment to serve.
    :param execution: where and how to run it.
    :param decoding: how to imagine, where that is to be other than the bundle recommends.
    :param seed: of all that is left to chance.
    :raises ConfigError: the provider or the precision of the tokenizer does not work here, or it
        has no such decoding.
    :raises BundleError: the bundle cannot be used, has no frame tokenizer, or no robot at this
        stem.

    ``manifest`` are the facts of the bundle, ``stem`` is whom it serves, ``provider`` what the
    model runs on.
    """

    def __init__(
        self,
        folder: str | Path,
        stem: str,
        execution: Execution = Execution(),  # noqa: B008
        decoding: Decoding = Decoding(),  # noqa: B008
        seed: int = 0,
    ) -> None:
        self.manifest = Manifest.read(folder)
        self.stem = self.manifest.robot(stem)
        decoding.check_model(self.manifest.kind, self.manifest.hides_actions)
        check_tokenizer_precision(self.manifest, execution.tokenizer_precision)
        if decoding.completed_by(self.manifest.decoding).is_guided:
            execution = replace(execution, max_size=2 * execution.max_size)
        # Compares the files with their hashes, before any graph is opened.
        model = Model(folder, stem, execution)
        self._frames = BundleCodec(self.manifest, execution)
        self.provider = model.engine.provider
        self._world = make_token_world_model(model, stem, np.random.default_rng(seed), decoding)
        self.reset()

    @property
    def steps(self) -> int:
        """Steps observed since the context began."""
        return self._world.steps

    @property
    def can_imagine(self) -> bool:
        """Whether there is anything to go by when no chunks are given to :meth:`imagine`."""
        is_told = self._executed is not None or self.manifest.hides_actions
        return self.steps > 0 and is_told

    def reset(self) -> None:
        """Forget everything observed."""
        self._world.reset()
        self._executed: np.ndarray | None = None
        self._newest: np.ndarray | None = None

    def observe(
        self,
        frame: np.ndarray,
        executed: np.ndarray | None,
        joints: np.ndarray | None = None,
        anchor: np.ndarray | None = None,
    ) -> None:
        """
        Take in the next frame of the model clock.

        :param frame: ``uint8[H, W, 3]`` RGB.
        :param executed: ``float32[stride, A]`` what was executed since the frame before, in
            physical units; None where that is not known.
        :param joints: ``float32[J]`` measured with the frame, in the order of the stem's
            ``measured_names``, rad or m; None where they are not known.
        :param anchor: ``float32[K]`` coordinates that the last action led to, rad or m; None takes
            them from ``joints``. Read by models with anchors.
        :raises InferenceError: wrong shape or type, or a graph failed; the context stays. That of
            a model that needs the action of every step may be empty, see :attr:`steps`.
        """
        measured = self._checked(joints)
        tokens_SE = self._frames.encode(frame)
        chunk = None if executed is None else self._flat(executed, 'executed')
        if chunk is None and not self.manifest.hides_actions:
            self.reset()
        count = len(self.stem.joint_names)
        known = None
        if self.stem.anchor and anchor is not None:
            known = self._numbers(anchor, self.stem.anchor, 'anchor')
        elif self.stem.anchor and measured is not None:
            known = self.stem.anchor_of(measured)
        self._world.observe(
            tokens_SE, chunk, None if measured is None else measured[:count], known
        )
        self._executed, self._newest = chunk, frame.copy()

    def act(self) -> np.ndarray:
        """
        Decide what to do from the newest frame on.

        The answer stays within the bounds of the stem.

        :returns: ``float32[stride, A]`` in physical units.
        :raises InferenceError: nothing was observed yet, or the model has no policy.
        """
        return self._shaped(self._world.act())

    def imagine(
        self,
        chunks: np.ndarray | None,
        horizon: int,
        is_enough: Callable[[], bool] = lambda: False,
        decided: Callable[[np.ndarray], bool] = lambda _: False,
        *,
        is_passive: bool = False,
    ) -> Rollout:
        """
        Imagine the frames that follow.

        :param chunks: ``float32[horizon, stride, A]`` to execute; None lets the policy choose. A
            model without one goes on with what was executed last, or, where that is not known,
            imagines passive dynamics, if it can.
        :param horizon: steps to imagine, ``1 <= horizon <= manifest.max_horizon``.
        :param is_enough: asked after each frame; true ends the rollout there.
        :param decided: is told each chunk ``float32[stride, A]`` that the policy chooses, before
            the frame that it leads to is imagined; true ends the rollout there.
        :param is_passive: whether to imagine passive dynamics: all actions masked, also where the
            model has a policy or the last action is known.
        :raises InferenceError: the context is empty, an argument is out of range, or passive
            dynamics are asked of a model that needs the action of each step.
        """
        check_horizon(chunks, horizon, self.manifest.max_horizon)
        setting, chunks_HX = self._passive() if is_passive else self._ahead(chunks, horizon)
        frames: list[np.ndarray] = []

        def drawn(tokens_SE: np.ndarray) -> bool:
            frames.append(self._frames.decode(tokens_SE))
            return is_enough()

        _, actions_HX = self._world.imagine(
            horizon, setting, chunks_HX, drawn, lambda chunk: decided(self._shaped(chunk))
        )
        actions = None if actions_HX is None else self._shaped(actions_HX)
        return Rollout(np.stack(frames), actions)

    def imagine_frames(self, chunks: np.ndarray) -> Iterator[np.ndarray]:
        """
        Imagine one frame after another, as far ahead as there are chunks.

        :param chunks: ``float32[horizon, stride, A]`` in physical units.
        :returns: ``uint8[H, W, 3]`` RGB each.
        :raises InferenceError: the context is empty, or an argument is out of range.
        """
        flat = np.stack([self._flat(chunk, 'chunks') for chunk in chunks])
        for drawn in self._world.imagine_candidates(flat[None], len(flat)):
            yield self._frames.decode(drawn[0])

    def interact(
        self, choose: Callable[[np.ndarray], np.ndarray], horizon: int
    ) -> Iterator[np.ndarray]:
        """
        Let a policy act in imagined frames, as a simulator would.

        :param choose: is shown each frame ``uint8[H, W, 3]`` RGB, the newest observed one first,
            and returns the chunk ``float32[stride, A]`` to execute from it, in physical units. It
            must not call this model, whose context is lent until the last frame was taken.
        :param horizon: frames to imagine at most; stop iterating to imagine fewer.
        :returns: the imagined frames.
        :raises InferenceError: the context is empty, an argument is out of range, or what was
            chosen is no chunk.
        """
        newest = self._newest
        if newest is None:
            raise InferenceError('interact: the context is empty, expected an observed frame')
        shown: np.ndarray = newest

        def asked() -> np.ndarray:
            return self._flat(choose(shown), 'choose')

        for tokens_SE in self._world.interact(asked, horizon):
            shown = self._frames.decode(tokens_SE)
            yield shown

    def imagine_candidates(self, chunks_NHXA: np.ndarray, horizon: int) -> np.ndarray:
        """
        Imagine the futures of many action sequences, as one batch from the present context.

        For each N the model keeps room for N contexts, on its device: use few different N.

        :param chunks_NHXA: ``float32[N, horizon or more, stride, A]`` in physical units.
        :param horizon: steps to imagine, ``1 <= horizon <= manifest.max_horizon``.
        :returns: ``uint8[N, horizon, H, W, 3]`` RGB.
        :raises InferenceError: the context is empty, or an argument is out of range.
        """
        chunks = np.asarray(chunks_NHXA, np.float32)
        if chunks.ndim != 4 or not len(chunks):
            raise InferenceError(
                f'candidates: got float32{list(chunks.shape)}, expected [N, horizon, stride, A], '
                'N at least 1'
            )
        check_horizon(chunks[0], horizon, self.manifest.max_horizon)
        flat = [[self._flat(chunk, 'chunks') for chunk in one[: horizon + 1]] for one in chunks]
        drawn = self._world.imagine_candidates(np.array(flat), horizon)
        return np.stack([self._frames.decode_batch(frames) for frames in drawn], 1)

    def score(self, frame: np.ndarray, chunk: np.ndarray) -> TokenScore:
        """
        Score the tokens of the true next frame, all of them masked.

        :param frame: ``uint8[H, W, 3]`` RGB, the true one.
        :param chunk: ``float32[stride, A]`` that led to it, in physical units.
        :raises InferenceError: the context is empty, an argument is out of range, or the model is
            continuous.
        """
        return self._world.score(self._frames.encode(frame), self._flat(chunk, 'chunk'))

    def reconstruct(self, frame: np.ndarray) -> np.ndarray:
        """Draw a frame from its own tokens: the best any imagined frame can be."""
        return self._frames.decode(self._frames.encode(frame))

    def _ahead(
        self, chunks: np.ndarray | None, horizon: int
    ) -> tuple[ProblemSetting, np.ndarray | None]:
        """Choose the setting, and what is told."""
        if chunks is not None:
            flat = [self._flat(chunk, 'chunks') for chunk in chunks[:horizon]]
            return ProblemSetting.FORWARD, np.stack(flat)
        if not self.manifest.policy_refusal:
            return ProblemSetting.FULL, None
        if self._executed is not None:
            return ProblemSetting.FORWARD, np.tile(self._executed, (horizon, 1))
        if self.can_imagine:
            return ProblemSetting.PASSIVE, None
        raise InferenceError(
            'imagine: expected chunks, or a frame observed with what was executed before it: '
            f'there is no policy to ask, {self.manifest.policy_refusal}'
        )

    def _passive(self) -> tuple[ProblemSetting, None]:
        if not self.manifest.hides_actions:
            raise InferenceError(
                'imagine: passive dynamics: got a model that must be told each action, expected '
                'one whose actions can be masked; give chunks'
            )
        return ProblemSetting.PASSIVE, None

    def _checked(self, joints: np.ndarray | None) -> np.ndarray | None:
        if joints is None or not self.manifest.reads_joints:
            return None
        return self._numbers(joints, self.stem.measured_names, 'joints')

    def _numbers(self, given: np.ndarray, names: Sequence[str], what: str) -> np.ndarray:
        values = np.asarray(given, np.float32)
        if values.shape != (len(names),) or not np.isfinite(values).all():
            raise InferenceError(
                f'{what}: got {values.tolist()}, expected finite float32[{len(names)}]: '
                f'{", ".join(names)}'
            )
        return values

    def _flat(self, chunk: np.ndarray, what: str) -> np.ndarray:
        shape = (self.stem.stride, self.stem.action_dim)
        values = np.asarray(chunk, np.float32)
        if values.shape != shape or not np.isfinite(values).all():
            raise InferenceError(
                f'{what}: got {values.tolist()}, expected finite float32{list(shape)}'
            )
        return self.stem.numbers_of(values).reshape(-1)

    def _shaped(self, flat: np.ndarray) -> np.ndarray:
        shape = (*flat.shape[:-1], self.stem.stride, self.stem.width)
        return self.stem.actions_of(flat.reshape(shape))


def make_token_world_model(
    model: Model,
    stem: str,
    generator: np.random.Generator,
    decoding: Decoding = Decoding(),  # noqa: B008
) -> TokenWorldModel:
    """
    Set a model up as its manifest recommends, but for what is chosen otherwise.

    Few ancestral steps with their noise, most of them where there is little: of the cheap samplers
    the one that no measure tells from a hundred steps (docs/results.md).
    """
    chosen = decoding.completed_by(model.manifest.decoding)
    guidance = chosen.guidance or 1.0
    guided: AnyModel = GuidedModel(model, guidance) if chosen.is_guided else model
    if model.manifest.kind == 'discrete':
        return TokenWorldModel(guided, TokenFiller(guided, decoding, generator))
    sampling = Sampling(chosen.denoise_steps or 1, chosen.temperature or 0.0)
    sampler = Sampler(model, PATCH_HEAD, sampling, generator, guidance)
    filler = PatchFiller(guided, sampler, generator, chosen.mask_steps)
    if model.manifest.policy_refusal:
        return TokenWorldModel(guided, filler)
    return TokenWorldModel(guided, filler, Sampler(model, f'action_{stem}', sampling, generator))
