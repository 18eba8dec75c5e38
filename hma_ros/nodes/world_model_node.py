# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Watches the camera, imagines what follows, and proposes actions."""

import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.clock import Clock, ClockType
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Empty

from hma_ros.core.embodiment import EmbodimentSpec, load_embodiment
from hma_ros.core.errors import InferenceError, MessageError
from hma_ros.core.frozen_image import FrozenImage
from hma_ros.core.messages.chunk import to_actions
from hma_ros.core.messages.image import to_rgb
from hma_ros.core.messages.stamp import stamp_ns
from hma_ros.core.short_text import counted
from hma_ros.core.vision.image import preprocess
from hma_ros.core.vision.strip import strip
from hma_ros.msg import ActionChunk, PredictedRollout
from hma_ros.nodes.execution_gate import check_may_execute
from hma_ros.nodes.world_model_parameters import WorldModelParameters
from hma_ros.ros.chunk_msg import from_actions
from hma_ros.ros.diagnostics import WARN, Diagnostics
from hma_ros.ros.image_msg import from_rgb
from hma_ros.ros.imagine_service import ImagineService
from hma_ros.ros.lifecycle import HmaNode, run
from hma_ros.ros.parameters import read
from hma_ros.ros.publishers import silence
from hma_ros.ros.qos import REPORT
from hma_ros.ros.rollout_msg import from_rollout
from hma_ros.ros.sensor_subscription import SensorSubscription
from hma_ros.ros.stamps import with_waiting
from hma_ros.ros.state_samples import StateSamples
from hma_ros.ros.work_thread import WorkThread
from hma_ros.runtime.chunk_ages import ChunkAges
from hma_ros.runtime.fit import check_fit
from hma_ros.runtime.imagine_requests import INACTIVE, ActionSource, Answer, Question
from hma_ros.runtime.pace import measure, remedy, slowed, slowed_text, slower_refusal
from hma_ros.runtime.prediction_loop import PredictionLoop
from hma_ros.runtime.rollout import Rollout
from hma_ros.runtime.step_queue import CameraStep, StepQueue
from hma_ros.runtime.world_model import WorldModel

_REPORT_S = 1.0
_HEARTBEAT_S = 0.1
_TELL_S = 10.0
_LOOK_S = 0.02
# How often states are read while a step waits for them.
_STATES_S = 0.002
# How long the present call of the model may take to end; one on a slow CPU takes seconds.
_STOP_S = 30.0
# That may wait while the node is held up: a second of most cameras.
_IMAGES = 30


class WorldModelNode(HmaNode):
    """One model, one context; frames on the model clock in, chunks and rollouts out."""

    def __init__(self) -> None:
        super().__init__('world_model', WorldModelParameters)
        self._worker: WorkThread | None = None
        self._hung: WorkThread | None = None
        self._is_working = False

    @property
    def failure(self) -> str | None:
        """Why the process must end; None while it need not."""
        return None if self._worker is None else self._worker.failure

    def set_up(self) -> None:
        """Load the model and run it once, so that the first frame finds it warm."""
        given = self._given = read(self, WorldModelParameters)
        trained = load_embodiment(given.embodiment)
        spec = self._spec = slowed(trained, given.clock_divisor, given.mode)
        check_may_execute(spec, given.mode, given.bundle, given.allow_sim_bundle)
        self._model = self._load_model()
        self._check_fit(trained)
        is_slowed = given.clock_divisor > 1
        self._acts = not self._model.manifest.policy_refusal and not is_slowed
        self._horizon = min(given.horizon, self._model.manifest.max_horizon)
        self._diagnostics = Diagnostics(self, spec.name)
        self.get_logger().info(given.summary(spec, self._model.provider))
        if is_slowed:
            self.get_logger().warning(slowed_text(trained, given.clock_divisor))
        self._remedy = self._warm_up()
        self._open_topics()
        self._open_timers()

    def _open_timers(self) -> None:
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        for period_s, callback in ((_REPORT_S, self._report), (_HEARTBEAT_S, self._beat)):
            self.own(self.create_timer(period_s, callback, clock=steady), self.destroy_timer)
        timer = self.create_timer(_STATES_S, self._read_states, clock=steady)
        self._states_timer = self.own(timer, self.destroy_timer)
        timer.cancel()
        self._spent = self.own(
            self.create_guard_condition(self._give_up), self.destroy_guard_condition
        )

    def _load_model(self) -> WorldModel:
        given = self._given
        model = WorldModel(given.bundle, self._spec.stem, given.execution, given.decoding)
        given.decoding.check_passes(model.manifest.image_tokens)
        if given.provider not in ('auto', model.provider):
            self.get_logger().warning(
                f'provider: got {model.provider}, expected {given.provider}; allow_cpu is set'
            )
        if refusal := model.manifest.policy_refusal:
            self.get_logger().warning(f'predicts alone and proposes no actions: {refusal}')
        return model

    def _check_fit(self, spec: EmbodimentSpec) -> None:
        check_fit(spec, self._model.manifest)
        if unsaid := self._model.stem.unsaid(spec):
            self.get_logger().warning(f'{self._model.manifest.folder}: {unsaid}')

    def start(self) -> None:
        """Begin with an empty context; refuse while a former call of the model goes on."""
        if self._hung is not None and self._hung.is_running:
            raise InferenceError(
                'model: got a call that has not ended since the node was deactivated, expected '
                'none; wait, or restart this process'
            )
        self._state.clear()
        self._make_loop()
        self._heard_s = self._told_s = time.monotonic()
        self._is_working = True
        self._worker = WorkThread(self._work, _LOOK_S)

    def _make_loop(self) -> None:
        is_executed = self._given.mode == 'execute'
        most_s = self._given.max_chunk_age_s if is_executed else math.inf
        self._chunk_ages = ChunkAges(most_s, time.monotonic, self._remedy)
        self._frozen = FrozenImage(self._spec, self._camera_topic)
        self._steps = StepQueue(
            self._spec,
            self._state.measured,
            bool(self._model.stem.joint_names),
            self._has_reporter,
            self._given.executed_timeout_s,
            self._camera_topic,
            self._diagnostics,
            self._model.stem.reads_tool,
        )
        self._loop = PredictionLoop(
            self._model,
            self._steps,
            self,
            self._diagnostics,
            self._spec.rates.frame_dt_s,
            self._horizon,
            self._acts,
            time.monotonic,
            self._remedy,
        )

    def _has_reporter(self) -> bool:
        return self._reports and self.count_publishers(self._executed_topic) > 0

    def stop(self) -> None:
        """Finish the present step or imagined frame, if there is one; leave one that hangs."""
        self._is_working = False
        if self._worker is None:
            return
        # The worker ends with its present call: first have that end soon.
        self._loop.close()
        if not self._worker.close(_STOP_S):
            self.get_logger().error(
                f'model: got no answer within {_STOP_S:g} s, expected its present call to end; '
                'left alone: restart this process if it never ends'
            )
            self._hung, self._worker = self._worker, None

    def _open_topics(self) -> None:
        camera = self._spec.camera
        self._camera_topic = self.resolve_topic_name(camera.topic)
        self._executed_topic = self.resolve_topic_name(self._given.executed_topic)
        self._camera_type = Image if camera.transport == 'raw' else CompressedImage
        self._chunks = self.publisher(ActionChunk, '~/action_chunk', REPORT)
        self._rollouts = self.publisher(PredictedRollout, '~/prediction', REPORT)
        self._strips = self.publisher(Image, '~/prediction/image', REPORT)
        self._heartbeats = self.publisher(Empty, '~/heartbeat', REPORT)
        on_fault = partial(self._diagnostics.error, 'bad images')
        receive = with_waiting(self._on_image)
        SensorSubscription(self, self._camera_type, camera.topic, receive, on_fault, _IMAGES)
        # Reports are of steps of the trained clock.
        self._reports = self._given.clock_divisor == 1
        if self._reports:
            self.subscribe(ActionChunk, self._given.executed_topic, self._on_executed, REPORT)
        ImagineService(self, self._spec, self._ask)
        self._state = StateSamples(
            self,
            self._spec,
            partial(self._diagnostics.error, 'bad states'),
            partial(self._diagnostics.cleared, 'bad states'),
        )

    def _warm_up(self) -> str:
        """Time a step; returns what to do about a model that is too slow."""
        camera, given, spec = self._spec.camera, self._given, self._spec
        dark = preprocess(np.zeros((camera.height, camera.width, 3), np.uint8), camera)
        imagines, go_on = self._horizon > 0, self.check_going_on
        pace = measure(self._model, dark, self._acts, imagines, time.monotonic, go_on)
        self._pace = pace
        refusal = slower_refusal(spec, given.mode)
        facts = self._model.manifest, given.execution, self._model.provider
        advice = remedy(*facts, self._horizon, spec.simulated)
        warning = pace.warning(spec.rates.frame_dt_s, given.clock_divisor, refusal, advice)
        # How fast simulated time goes is not known.
        if warning is None or self.get_parameter('use_sim_time').value:
            return advice
        self.get_logger().warning(warning)
        return warning.rpartition('; ')[2]

    def _ask(
        self,
        conditioning: int,
        chunks: NDArray[np.float32] | None,
        horizon: int,
        reply: Callable[[Answer], None],
    ) -> None:
        if not self._is_working:
            reply(Answer(None, None, INACTIVE))
            return
        self._loop.ask(Question(ActionSource(conditioning), chunks, horizon, reply))
        self._wake()

    def _on_image(self, message: Any, waited_ns: int) -> None:
        if not self._is_working:
            return
        self._diagnostics.cleared('bad images')
        stamp, self._heard_s = stamp_ns(message.header.stamp), time.monotonic()
        # Simulated time has another scale.
        waited_ns = 0 if self.get_parameter('use_sim_time').value else waited_ns
        arrived_s = self._heard_s - waited_ns / 1e9
        self._state.take()  # first: with the image a step may be complete
        self._frozen.see(stamp, message.data, self._state.measured.newest_joints())
        self._steps.offer(stamp, message, arrived_s, self.now_ns(), waited_ns)
        self._look_again()
        self._wake()

    def _on_executed(self, message: Any) -> None:
        if not self._is_working:
            return
        try:
            actions = to_actions(message, self._spec, self._executed_topic)
        except MessageError as error:
            self._diagnostics.error('bad reports', str(error))
            return
        self._diagnostics.cleared('bad reports')
        self._state.take()
        self._steps.executed(stamp_ns(message.header.stamp), actions, self.now_ns())
        self._wake()

    def _read_states(self) -> None:
        self._advance()
        if self._is_working and len(self._steps):
            self._wake()
        self._look_again()

    def _look_again(self) -> None:
        """Read states again soon if a step waits for them."""
        if self._is_working and self._steps.is_waiting:
            self._states_timer.reset()
        else:
            self._states_timer.cancel()

    def _advance(self) -> None:
        """Read all states, then form the steps: none is settled while some wait to be read."""
        self._state.take()
        if self._is_working:
            self._steps.poll(self.now_ns())

    def _wake(self) -> None:
        if self._worker is not None:
            self._worker.wake()

    def _work(self) -> None:
        """Process the steps that are due; runs in the worker's thread."""
        self._advance()
        while self._is_working and not self._is_spent() and self._loop.run_once():
            self._advance()
        if self._is_spent():
            self._spent.trigger()

    def _is_spent(self) -> bool:
        return bool(self._loop.failures >= self._given.max_failures)

    def _give_up(self) -> None:
        if not self._is_working or not self._is_spent():
            return
        self.get_logger().error(
            f'{self._camera_topic}: got {self._loop.failures} consecutive failures, expected a '
            'step that succeeds: deactivating; activate again when the cause is gone'
        )
        self.trigger_deactivate()

    def decode(self, image: Any) -> NDArray[np.uint8]:
        """Return the frame of an image message; see :class:`LoopOutput`."""
        camera = self._spec.camera
        return preprocess(to_rgb(image, self._camera_topic, camera), camera)

    def chunk(self, step: CameraStep, chunk: NDArray[np.float32]) -> None:
        """Publish the chunk decided on a step; of a call that ends after the stop nothing."""
        if not self._is_working:
            return
        self._chunks.publish(from_actions(self._spec, step.stamp_ns, chunk))
        age_s = self._age_s(step)
        self._diagnostics.latency('image stamp to action', age_s)
        self._debug(step, f'chunk published {1e3 * age_s:.0f} ms after the image')

    def is_too_late(self, step: CameraStep) -> bool:
        """Whether the executor refuses a chunk published now on a step for its age."""
        return self._chunk_ages.is_late(self._age_s(step))

    def _age_s(self, step: CameraStep) -> float:
        return (self.now_ns() - step.stamp_ns) * 1e-9

    def longer_chunk(self, step: CameraStep, chunks: NDArray[np.float32]) -> None:
        """Publish the chunk decided on a step again, with the one that follows it."""
        if not self._is_working:
            return
        self._chunks.publish(from_actions(self._spec, step.stamp_ns, chunks))

    def rollout(self, step: CameraStep, frame: NDArray[np.uint8], rollout: Rollout) -> None:
        """Publish what was imagined after a step."""
        if not self._is_working:
            return
        frame_id, stamp = step.image.header.frame_id, step.stamp_ns
        self._rollouts.publish(
            from_rollout(self._spec, stamp, rollout.frames, rollout.actions, frame_id)
        )
        self._strips.publish(from_rgb(strip([frame, *rollout.frames]), stamp, frame_id))
        self._tell(len(rollout.frames))
        self._debug(step, f'{counted(len(rollout.frames), "frame")} imagined')

    def _debug(self, step: CameraStep, what: str) -> None:
        self.get_logger().debug(f'image of {step.stamp_ns * 1e-9:.3f} s: {what}')

    def _beat(self) -> None:
        self._read_states()
        if self._is_working:
            self._heartbeats.publish(Empty())

    def _report(self) -> None:
        if self._is_working:
            silent_s, most_s = time.monotonic() - self._heard_s, self._given.camera_timeout_s
            silent = silence(self, self._camera_topic, self._camera_type, silent_s, most_s)
            self._diagnostics.lasting('camera timeouts', silent)
            self._diagnostics.note('frozen image', self._frozen.fault, WARN)
            self._diagnostics.note('no timely chunks', self._chunk_ages.fault, WARN)
            self._loop.requests.expire()
        self._diagnostics.note('conflicting publishers', self._state.measured.conflict)
        self._diagnostics.publish(
            {
                'active': self._is_working,
                'steps in context': self._model.steps,
                'provider': self._model.provider,
                'trained on': self._model.stem.trained_on,
                'share of transport and conversion': 1.0
                - self._share('inference', self._loop.response if self._worker else ''),
            }
        )

    def _tell(self, frames: int) -> None:
        """Say now and then what the model does, for those who watch the terminal."""
        now_s = time.monotonic()
        if self._diagnostics.counts['steps'] > 1 and now_s - self._told_s < _TELL_S:
            return
        self._told_s = now_s
        self.get_logger().info(
            f'{counted(self._diagnostics.counts["steps"], "step")}, imagining '
            f'{counted(frames, "frame")} ahead; {self._response_text()}'
        )

    def _response_text(self) -> str:
        response = self._loop.response
        taken = self._diagnostics.latencies[response]
        median_ms, most_ms = taken.percentile_ms(50), taken.percentile_ms(95)
        name = response.replace('receipt', 'image')
        return f'{name} {median_ms:.0f} ms (median), {most_ms:.0f} ms (95 of 100)'

    def _share(self, part: str, whole: str) -> float:
        windows = self._diagnostics.latencies
        if part not in windows or whole not in windows:
            return float('nan')
        return windows[part].mean_s() / windows[whole].mean_s()


def main() -> int:
    """Run the node."""
    return run(WorldModelNode)
