"""Exchanges between devices are read from the text of a compiled program, with sizes and groups."""

import jax
import jax.numpy as jnp
import pytest

from ovseg_jax.planning.collectives import Collective, collectives, loops

TEXT = """HloModule jit_step, num_partitions=16

%region_0 (a: f32[], b: f32[]) -> f32[] {
  ROOT %add.1 = f32[] add(%a, %b)
}

%body.3 (p: (s32[], f32[8])) -> (s32[], f32[8]) {
  %ag = f32[16,8]{1,0} all-gather(%x), channel_id=2, replica_groups=[2,8]<=[16], dimensions={0}
}

%cond.4 (p: (s32[], f32[8])) -> pred[] {
  ROOT %lt = pred[] compare(%i, %n), direction=LT
}

ENTRY %main.5 (p0: f32[8]) -> f32[8] {
  %all-reduce.1 = (f32[257,768]{1,0:T(8,128)S(1)}, bf16[4]{0:T(128)(2,1)}) all-reduce(%a, %b), \
channel_id=1, replica_groups=mesh['axis_0'=8,'axis_1'=2] {'axis_0'}, to_apply=%region_0, \
metadata={op_name="jit(step)/sum"}
  %while.1 = (s32[], f32[8]) while(%t), condition=%cond.4, body=%body.3, \
backend_config={"known_trip_count":{"n":"5"}}
  %start = (f32[2]{0}, f32[8]{0}) all-gather-start(%y), replica_groups={{0,1,2,3},{4,5,6,7}}
  %done = f32[8]{0} all-gather-done(%start)
  %rs = f32[4]{0} reduce-scatter(%z), replica_groups={}, to_apply=%region_0
  %alone = f32[4]{0} all-reduce(%z), replica_groups={{0},{1}}, to_apply=%region_0
  %moved = f32[64,8]{1,0} all-gather(%w), replica_groups=mesh['axis_0'=4,'axis_1'=1,'axis_2'=2], \
device_ids=([2,4]T(1,0)) {'axis_0'}, dimensions={0}
  %p = u8[3]{0} collective-permute(%q), source_target_pairs={{0,1},{1,0}}
}
"""


def test_kinds_sizes_groups_loops_and_origins():
    found = collectives(TEXT, 16)
    assert found == [
        Collective("all-gather", 16 * 8 * 4, 8, 5, ""),
        Collective("all-reduce", 257 * 768 * 4 + 8, 8, 1, "jit(step)/sum"),
        Collective("all-gather", 8 * 4, 4, 1, ""),
        Collective("reduce-scatter", 16, 16, 1, ""),
        Collective("all-gather", 64 * 8 * 4, 4, 1, ""),
        Collective("collective-permute", 3, 2, 1, ""),
    ]


def test_loops_say_how_often_they_go_round():
    assert loops(TEXT) == [5]


@pytest.mark.parametrize(
    ("kind", "size", "sent"),
    [
        ("all-reduce", 800, 2 * 700),  # seven parts out while summing, seven more for all to know
        ("all-gather", 800, 700),
        ("reduce-scatter", 100, 700),
        ("all-to-all", 800, 700),
        ("collective-permute", 800, 800),
    ],
)
def test_bytes_sent_in_a_ring_of_eight(kind, size, sent):
    assert Collective(kind, size, 8, 1, "").sent == sent
    assert Collective(kind, size, 8, 3, "").sent == 3 * sent


def test_a_program_for_one_device_sends_nothing():
    compiled = jax.jit(lambda x: x.sum()).lower(jnp.ones(8)).compile()
    assert collectives(compiled.as_text(), 1) == []
