# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The sections of the page of results, and the tables of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from benchmarks.report.conditioning_table import conditioning_table
from benchmarks.report.data_tables import (
    data_import_table,
    import_memory_table,
    lerobot_reading_table,
)
from benchmarks.report.decoding_table import decoding_table
from benchmarks.report.fault_tables import faults_table, soak_table
from benchmarks.report.kinds_table import kinds_table
from benchmarks.report.latency_tables import (
    latency_table,
    ros_table,
    state_rate_table,
    stream_table,
)
from benchmarks.report.new_robot_tables import the_day_table, transfer_table
from benchmarks.report.scaling_tables import scaling_table
from benchmarks.report.speed_tables import (
    growth_table,
    limits_table,
    native_table,
    quality_table,
    speed_table,
    tokenizer_steps_table,
    tokenizers_table,
)
from hma_ros.evaluation.imagined_table import imagined_success_table
from hma_ros.evaluation.long_horizon_table import (
    long_horizon_table,
    object_places_table,
    occlusion_table,
)
from hma_ros.evaluation.markdown import Result, Table
from hma_ros.evaluation.tables import PREDICTION_TABLES, closed_loop_table

# Tables of each section, in the order in which a new page shows them.
TABLES: Mapping[str, tuple[Callable[[Sequence[Result]], Table], ...]] = {
    'prediction': PREDICTION_TABLES,
    'long_horizon': (long_horizon_table,),
    'occlusion': (occlusion_table,),
    'object_places': (object_places_table,),
    'decoding': (decoding_table,),
    'closed_loop': (closed_loop_table,),
    'imagined_success': (imagined_success_table,),
    'latency': (latency_table, stream_table),
    'ros_latency': (ros_table,),
    'state_rate': (state_rate_table,),
    'speed': (speed_table,),
    'tokenizers': (tokenizers_table,),
    'tokenizer_steps': (tokenizer_steps_table,),
    'limits': (limits_table,),
    'native': (native_table,),
    'growth': (growth_table,),
    'quality': (quality_table,),
    'faults': (faults_table,),
    'soak': (soak_table,),
    'data_import': (data_import_table,),
    'import_memory': (import_memory_table,),
    'lerobot_reading': (lerobot_reading_table,),
    'the_day': (the_day_table,),
    'transfer': (transfer_table,),
    'scaling': (scaling_table,),
    'conditioning': (conditioning_table,),
    'kinds': (kinds_table,),
}


def machines_table(machines: Mapping[str, Mapping[str, str]]) -> Table:
    """Describe machines by their names, a column for each."""
    facts = dict.fromkeys(fact for machine in machines.values() for fact in machine)
    lines = ((fact, *(machine.get(fact, '-') for machine in machines.values())) for fact in facts)
    return Table(('machine', *machines), tuple(lines))
