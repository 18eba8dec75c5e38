# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The page of results: every table and chart is written from measurements, none by hand.

The page belongs to its authors; only what stands between two markers is replaced.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from hma_ros.core.errors import ConfigError
from hma_ros.evaluation.chart import Axis, line_chart
from hma_ros.evaluation.measurements import Measurements, read_measurements
from hma_ros.evaluation.speed_tables import growth_charts
from hma_ros.evaluation.tables import TABLES, Result, machine_table

_SECTION = re.compile(r'(<!-- begin (\w+)[^>]*-->\n).*?(<!-- end \2 -->)', re.DOTALL)
_NOTHING = '*Not measured yet.*\n'
TEMPLATE = """\
# Results

Tables and charts are written by `hma evaluate report` from the files in `benchmarks/out`; above
each stands the command that measured it. Held-out episodes start where no training episode did.
PSNR is pooled: squared errors of all rows are averaged before they become decibels. Brackets hold
95 % intervals.

## Prediction

From each of many rows of held-out episodes the next frame is imagined, with the action that was
executed. The first table counts only pixels that really changed, where copying the last frame is
wrong by construction: *mean picture*, the mean of all frames, is what knowing only the scene
reaches, and *tokenizer alone*, the true frame drawn from its own tokens, is what hardly any
prediction can exceed. *Delta PSNR* is what is lost when the action is replaced by one that was
executed at another row: above zero, different actions give different futures. The second table
counts whole frames; its first columns take the true frame as the tokenizer draws it for truth,
which takes off the tokenizer's own loss. The third is the gain over copying, on changed pixels, of
rollouts that see no camera frame after the first row.

<!-- begin prediction -->
<!-- end prediction -->

## Long rollouts

After eight observed frames the model imagines on from the true actions alone, and every frame is
compared with the simulator's. A *part* (the tool, the object, the goal mark) is there when the
frame shows 50 to 200 % of its true area in its colour; where the arm has one colour, the tool is
the end of the arm, looked for by its shape up to 14 px around the true place. Parts that the truth
hides are not counted, nor objects and marks of which it covers more than half. *Errors* are median
distances in pixels of 64 over the rollouts that show the part, *gain* is over the last observed
frame on the pixels that changed since. Brackets hold the same for the true frames as the tokenizer
draws them. *Wander* is random motion, *expert* the script with its training noise, which holds
still once the task is done.

<!-- begin long_horizon -->
<!-- end long_horizon -->

## Closed loop

The policy drives the simulated robot from unseen starts, against its scripted expert and random
motion from the same starts; the row through ROS in real time, all nodes on the same two cores. Its
rows count from when every node is active, by which time the robot may have begun to move.

<!-- begin closed_loop -->
<!-- end closed_loop -->

## Latency and memory

Without ROS, on the machine named below. *Period* is the time between two rows of the robot. The
context is a ring of fixed size: the last rows of a long stream cost what the first did.

<!-- begin latency -->
<!-- end latency -->

Through the nodes, with the simulator on the same machine: from the arrival of an image in the
world model's process until the action is published; *image stamp to action* is the same from the
stamp of the image, on the simulated clock, which moves in steps of 10 ms. *Missed* rows had no
image in time.

<!-- begin ros_latency -->
<!-- end ros_latency -->

## Speed against the published algorithm

A frame imagined in the way that the authors' code does it (all T rows, future ones included, at
every mask step; the stem's work in every pass; torch float32) against ours, on the same weights,
in turns in one process. Four frames are given and the rest of the window is imagined; ours is the
mean of these frames, taking each into the context included, with threads that wait busily. Weights
are random where a row has one of the paper's sizes; *equal tokens* compares all frames of the
window (XL: the first). The rows *shipped* compare the shipped bundle with itself when the context
is computed anew at every row, acting and imagining eight frames. *mar_base_few_step* has the
weights of the others, but samples each patch once and in 16 ancestral steps with their noise, most
of them where there is little, which is what the runtime does, against the published 100 steps of
every patch shown so far; what that costs in pictures is measured on a trained model, below.
*training_throughput* is a step of `hma train-paper` against the plain loop.

<!-- begin speed -->
<!-- end speed -->

How near one pass over one row is to what the machine can do: *peak* is the best rate of large
matrix products that onnxruntime or torch reach with as many threads in the same precision, *of
peak* the share of the time that the operations would take at their peaks. In int8 readouts and
attention over rows are float32; attention within a row is too, except in compiled layers, where
its scores have 8 bits and its weights and values 16, at half of the peak. The last columns say
where the time of the threads goes, within the layers where those are compiled: *waiting* is for
each other.

<!-- begin limits -->
<!-- end limits -->

A context is a ring: row ten thousand costs what row ten does. Frames of a rollout of 32 cost up to
half more each than the frame of a rollout of one; candidates share a pass, so that many cost less
than one each; a longer window costs its keys and values (HMA-Base with four layers). Memory is
that of the process for rows, of the arrays beside the runtime's own for horizon and candidates,
and of keys and values for the window.

<!-- begin growth -->
<!-- end growth -->

## Few steps and integers

What faster sampling and int8 products cost in pictures, on models trained with `hma train-paper`
on the four simulated robots. All variants imagine from the same contexts of held-out episodes with
the true actions and, but for the row that says so, the same noise. Decibels are over the pixels
that changed, one row ahead and at the end of a rollout of eight; differences are to 100 ancestral
steps (samplers) or to float32 (int8). The energy score is least for samples of the true
distribution; steps without noise (temperature 0) win in decibels by being near the mean, and lose
there.

<!-- begin quality -->
<!-- end quality -->

## Faults

Faults are injected around the executor, in every phase of its motion, and every command is judged
against the one before by its own time stamp (where its message carries none, by when it was sent):
*velocity* and *acceleration* are the largest shares of their limits that any command took,
*position* the largest distance from the middle of the limits; a robot may start as far outside
them as its start margin. *Outside limits* counts faults, *stale* commands: those that moved
without a fresh state, long after the last chunk, for a chunk that must be refused, or after a
stop. *Not recovered* are faults after which chunks were not followed again without a restart of
the process. In one process the executor's own state machine runs on simulated clocks; over DDS the
nodes are real processes on the wall clock. Robots are the simulated ones, the same with the
acceleration of a real arm, and one with joints that turn without end. `benchmarks/out/faults.json`
lists every fault on every robot. Commands without a stamp (SO-101) are judged over DDS by the time
they were written: velocity exactly, acceleration coarsely (`benchmarks/faults/unstamped.py`).

<!-- begin faults -->
<!-- end faults -->

A closed loop for hours, and lifecycle cycles; each end is the median of a tenth of the
measurements.

<!-- begin soak -->
<!-- end soak -->

## Training

<!-- begin training -->
<!-- end training -->
"""


def write_report(
    page: Path, measurements: Path, training_logs: Mapping[str, Path] | None = None
) -> None:
    """
    Write all generated sections of a page; a page that does not exist starts from a template.

    :param page: Markdown; charts go to ``images`` beside it.
    :param measurements: folder of JSON files, see :mod:`hma_ros.evaluation.measurements`.
    :param training_logs: ``log.jsonl`` by the name to show; without any, the section stays as
        it is, because logs do not come with the sources.
    :raises ConfigError: nothing was measured, or a file is malformed.
    """
    files = read_measurements(measurements)
    sections = {name: _section(name, files) for name in TABLES}
    images = page.parent / 'images'
    images.mkdir(parents=True, exist_ok=True)
    # Several files may hold predictions; the chart shows those that most rows went into.
    predictions = max((file.section('prediction') for file in files), key=_rows)
    if any(item['horizon'] for item in predictions):
        (images / 'horizon.svg').write_text(horizon_chart(predictions))
        sections['prediction'] += '\n![PSNR over rows ahead](images/horizon.svg)\n'
    growth = [item for file in files for item in file.section('growth')]
    for name, chart in growth_charts(growth).items():
        (images / name).write_text(chart)
        sections['growth'] += f'\n![{name.removesuffix(".svg")}](images/{name})\n'
    if training_logs:
        sections['training'] = _training(training_logs, images)
    text = page.read_text(encoding='utf-8') if page.exists() else TEMPLATE
    page.write_text(fill(text, sections), encoding='utf-8')


def fill(text: str, sections: Mapping[str, str]) -> str:
    """
    Replace what stands between the markers of the named sections; the rest stays.

    :raises ConfigError: a section has no place in the text.
    """
    missing = sections.keys() - {found[2] for found in _SECTION.finditer(text)}
    if missing:
        raise ConfigError(
            f"page: no '<!-- begin {min(missing)} -->' with its end, expected both markers"
        )
    return _SECTION.sub(
        lambda found: (
            f'{found[1]}{sections[found[2]]}{found[3]}' if found[2] in sections else found[0]
        ),
        text,
    )


def horizon_chart(results: Sequence[Result]) -> str:
    """Draw PSNR on changed pixels over rows ahead, copying dashed; SVG."""
    series = {}
    for item in results:
        for key, suffix in (('imagined_db', ''), ('copied_db', ', copied*')):
            series[f'{item["embodiment"]}{suffix}'] = [
                (step['rows_ahead'], step['changed'][key])
                for step in item['horizon']
                if step['changed'][key] is not None
            ]
    return line_chart(
        'Open-loop rollouts, pixels that changed', Axis('rows ahead'), Axis('PSNR, dB'), series
    )


def training_chart(name: str, log: Path) -> str:
    """
    Draw every loss of a log over its optimiser steps; SVG.

    :raises ConfigError: the log is missing or malformed.
    """
    series: dict[str, list[tuple[float, float]]] = {}
    try:
        entries = [json.loads(line) for line in log.read_text().splitlines()]
        for entry in entries:
            for key in entry.keys() - {'step', 'time_s'}:
                if entry[key] > 0:
                    series.setdefault(key, []).append((float(entry['step']), float(entry[key])))
        ordered = {key: series[key] for key in sorted(series)}
        return line_chart(
            f'Training of {name}',
            Axis('optimiser steps'),
            Axis('loss', is_logarithmic=True),
            ordered,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f'{log}: {error!r}, expected lines with step, time_s and losses'
        ) from error


def _rows(results: Sequence[Result]) -> int:
    return sum(item['rows'] for item in results)


def _section(name: str, files: Sequence[Measurements]) -> str:
    parts = []
    for file in files:
        results = file.section(name)
        if results:
            tables = '\n'.join(write(results) for write in TABLES[name])
            # Parts of a file may have been measured again, each by a command of its own.
            commands = dict.fromkeys(item.get('command', file.command) for item in results)
            typed = '\n'.join(commands)
            parts.append(f'```\n{typed}\n```\n\n{tables}\n{_machine(file)}')
    return '\n'.join(parts) or _NOTHING


def _machine(file: Measurements) -> str:
    return f'<details><summary>Machine</summary>\n\n{machine_table(file.machine)}\n</details>\n'


def _training(logs: Mapping[str, Path], images: Path) -> str:
    lines = []
    for name, log in logs.items():
        (images / f'training_{name}.svg').write_text(training_chart(name, log))
        lines.append(f'![losses of {name}](images/training_{name}.svg)\n')
    return '\n'.join(lines)
