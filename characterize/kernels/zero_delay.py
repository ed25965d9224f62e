"""Zero-delay simulation of 64 independent streams at once: one machine word a net, one bit a stream.

A netlist is lowered to a tape of word operations (see gates.tape); every operation runs once a cycle.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

AND, OR, XOR, NOT, MUX, COPY = range(6)
"""Operations of the tape; MUX takes `left` where `select` is 1, else `right`."""


@njit(cache=True, nogil=True)
def ones(word: np.uint64) -> np.int64:
    """Return the number of one bits of a word."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@njit(cache=True, nogil=True)
def evaluate(tape: Any, word: Any) -> None:
    """Run the tape `int32[operations, 5]` (operation, target, left, right, select) on `word: uint64[slots]`."""
    for row in range(tape.shape[0]):
        operation = tape[row, 0]
        left = word[tape[row, 2]]
        right = word[tape[row, 3]]
        if operation == AND:
            result = left & right
        elif operation == OR:
            result = left | right
        elif operation == XOR:
            result = left ^ right
        elif operation == NOT:
            result = ~left
        elif operation == MUX:
            select = word[tape[row, 4]]
            result = (left & select) | (right & ~select)
        else:
            result = left
        word[tape[row, 1]] = result


@njit(cache=True, nogil=True)
def simulate_zero_delay(
    tape: Any,
    ff_data: Any,
    ff_output: Any,
    ff_invert: Any,
    input_net: Any,
    stimulus: Any,
    warm_up: int,
    word: Any,
    toggles: Any,
    high_cycles: Any,
    both_high: Any,
) -> None:
    """Simulate 64 streams with zero delay, counting settled levels only (no glitches).

    `stimulus: uint64[warm_up + cycles, inputs]`, bit s of a word is stream s; `word: uint64[slots]` holds the settled
    levels at the start (slots 0 and 1 are constant 0 and all ones) and is left at the end state; `toggles:
    int64[nets]`, `high_cycles: int64[nets]` and `both_high: int64[flip-flops]` (data and output both high) add up over
    streams and the cycles behind the warm-up. Energy per cycle needs no more than these counts.
    """
    nets = toggles.size
    before = np.empty(nets, np.uint64)
    state = np.empty(ff_output.size, np.uint64)
    for step in range(stimulus.shape[0]):
        before[:] = word[:nets]
        for ff in range(ff_output.size):
            data = word[ff_data[ff]]
            state[ff] = ~data if ff_invert[ff] else data
        for ff in range(ff_output.size):
            word[ff_output[ff]] = state[ff]
        for index in range(input_net.size):
            word[input_net[index]] = stimulus[step, index]
        evaluate(tape, word)
        if step >= warm_up:
            for net in range(nets):
                toggles[net] += ones(before[net] ^ word[net])
                high_cycles[net] += ones(word[net])
            for ff in range(ff_output.size):
                both_high[ff] += ones(word[ff_data[ff]] & word[ff_output[ff]])
