"""The textual form, as text."""

from __future__ import annotations

from cosim.program import listing

GOLDEN = """\
0 load[0] move t0[0:2, 0:2] | t0#0@dram:0 -> t0#4@sram:4 | 4 B over bus | -
1 load[1] move w1[0:2, 0:2] | w1#1@dram:8 -> w1#5@sram:12 | 4 B over bus | -
2 mac[0] op1[0:2, 0:2, 0:2]... | t0#4@sram:4 w1#5@sram:12 -> t1+#6@sram:20 | 8 cycles | load>=2
3 load[2] move t0[0:2, 2:4] | t0#0@dram:0 -> t0#7@sram:8 | 4 B over bus | -
4 load[3] move w1[2:4, 0:2] | w1#1@dram:8 -> w1#8@sram:16 | 4 B over bus | -
5 mac[1] op1[0:2, 0:2, 2:4]+= | t0#7@sram:8 w1#8@sram:16 t1+#6@sram:20 -> t1#3@sram:0 | 8 cycles | load>=4
6 load[4] move w3[0:1, 0:4] | w3#2@dram:16 -> w3#11@sram:12 | 4 B over bus | mac>=1
7 mac[2] op3[0:4, 0:4, 0:1] | t2#9=#3@sram:0 w3#11@sram:12 -> t3#12@sram:148 | 16 cycles | load>=5
8 store[0] move t3[0:4, 0:4] | t3#12@sram:148 -> t3#10@dram:20 | 16 B over bus | mac>=3
"""


def test_every_kind_of_command_as_a_line(toys):
    graph = toys.graph_of((2, 4), (toys.MATMUL, (4, 2)), (toys.RESHAPE, (4, 1)), (toys.MATMUL, (1, 4)))
    program = toys.map_chain(graph, {"op1": (2, 2, 2), "op3": (4, 4, 1)}, resident=("t1",)).program()
    assert listing(program) == GOLDEN


def test_a_limit_says_what_is_left_out(toys):
    graph = toys.graph_of((2, 4), (toys.MATMUL, (4, 2)))
    program = toys.map_chain(graph, {"op1": (2, 2, 2)}).program()
    assert listing(program, 2).splitlines()[2:] == ["... 5 more commands"]
    assert listing(program, 7) == listing(program)
    assert listing(program, 0) == "... 7 more commands\n"
