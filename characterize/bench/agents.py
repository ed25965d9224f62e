"""Driver, Monitor and Scoreboard: one puts values on the inputs, one reads the outputs, one knows what they must be."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from cocotb.triggers import FallingEdge, RisingEdge

from characterize.bench.job import Counterexample
from characterize.mac.integer_model import MacBehaviour, MacInputs, MacModel
from characterize.mac.interface import Role
from characterize.mac.vectors import Vectors

HISTORY = 4
"""Edges of input that a counterexample shows."""


class Driver:
    """Puts one vector after another on the bench's inputs, behind one kind of clock edge."""

    def __init__(
        self,
        dut: Any,
        vectors: Vectors,
        driven: tuple[Role, ...],
        behaviour: MacBehaviour,
        edge: type[FallingEdge | RisingEdge],
    ) -> None:
        columns = [(getattr(vectors, role.value).tolist(), (1 << behaviour.input_bits(role)) - 1) for role in driven]
        self._edge = edge(dut.clk)
        self._handles = [getattr(dut, role.value) for role in driven]
        self._rows = zip(*([value & mask for value in column] for column, mask in columns), strict=True)
        self._edges = vectors.edges()

    async def run(self, sent: Callable[[MacInputs], None]) -> None:
        """Drive all vectors, telling `sent` of each one as it goes out."""
        for row, inputs in zip(self._rows, self._edges, strict=True):
            for handle, value in zip(self._handles, row, strict=True):
                handle.value = value
            sent(inputs)
            await self._edge


class Monitor:
    """Reads the designs' outputs at the falling edge, half a period after their registers took them."""

    def __init__(self, dut: Any, designs: tuple[str, ...]) -> None:
        self._clk = dut.clk
        self._handles = [getattr(dut, f"psum_out_{design}") for design in designs]

    async def run(self, seen: Callable[[tuple[str, ...]], None], cycles: int) -> None:
        """Report the bits of each design's psum_out, in the designs' order, to `seen` once a cycle."""
        for _ in range(cycles):
            await FallingEdge(self._clk)
            seen(tuple(str(handle.value) for handle in self._handles))


class Scoreboard:
    """Compares every observed output with the exact integer model; keeps each design's first counterexample."""

    def __init__(self, behaviour: MacBehaviour, vectors: Vectors, designs: tuple[str, ...]) -> None:
        self._model = MacModel(behaviour)
        self._format = f"0{behaviour.psum_bits}b"
        self._segment = vectors.segment.tolist()
        self._names = vectors.segment_names
        self._designs = designs
        # a queue, so that it does not matter whether Driver or Monitor is resumed first at an edge
        self._expected: deque[tuple[MacInputs, str]] = deque()
        self._history: deque[MacInputs] = deque(maxlen=HISTORY)
        self._cycle = -1
        self.compared = 0
        self.counterexamples: dict[str, Counterexample] = {}

    def sent(self, inputs: MacInputs) -> None:
        """Note what the next rising edge will sample, and what must come of it."""
        expected = format(self._model.edge(inputs), self._format)
        undefined = self._model.overflowed and not self._model.behaviour.wraps
        self._expected.append((inputs, "" if undefined else expected))

    def seen(self, observed: tuple[str, ...]) -> None:
        """Compare what the designs show after the oldest edge not yet compared."""
        inputs, expected = self._expected.popleft()
        self._cycle += 1
        self._history.append(inputs)
        if inputs.reset:
            # designs differ in which registers a reset clears; all agree once it has lasted as long as they are deep
            return
        # where the model has no say, all designs must do as the first
        expected = expected or observed[0]
        for design, bits in zip(self._designs, observed, strict=True):
            self.compared += 1
            if bits != expected and design not in self.counterexamples:
                self.counterexamples[design] = self._counterexample(design, expected, bits)

    def _counterexample(self, design: str, expected: str, got: str) -> Counterexample:
        return Counterexample(
            design=design,
            cycle=self._cycle,
            segment=self._names[self._segment[self._cycle]],
            expected=_number(expected),
            got=_number(got),
            inputs=tuple({name: int(value) for name, value in vars(one).items()} for one in self._history),
        )


def _number(bits: str) -> str:
    """Return bits as an unsigned integer, or as they are where one is unknown."""
    return str(int(bits, 2)) if set(bits) <= {"0", "1"} else bits
