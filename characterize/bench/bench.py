"""The test that cocotb runs inside the simulator; what it is to do comes from a job file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge
from cocotb.utils import get_sim_time

from characterize.bench.agents import Driver, Monitor, Scoreboard
from characterize.bench.job import JOB_VARIABLE, BenchResult, read_job
from characterize.mac.vectors import load_vectors


@cocotb.test()
async def mac_unit_equals_the_integer_model(dut: Any) -> None:
    """Drive the job's vectors and compare every design's output with the exact integer model after every edge."""
    job = read_job(Path(os.environ[JOB_VARIABLE]))
    vectors = load_vectors(Path(job.vectors_file))
    scoreboard = Scoreboard(job.behaviour, vectors, job.designs)
    edge = FallingEdge if job.compare else RisingEdge
    driver = Driver(dut, vectors, job.driven, job.behaviour, edge)
    monitor = Monitor(dut, job.designs)

    Clock(dut.clk, job.period_fs, "fs").start()
    await edge(dut.clk)
    start_fs = round(get_sim_time("fs"))
    tasks = [cocotb.start_soon(monitor.run(scoreboard.seen, vectors.cycles))] if job.compare else []
    tasks.append(cocotb.start_soon(driver.run(scoreboard.sent)))
    for task in tasks:
        await task

    BenchResult(
        simulator=f"{cocotb.SIM_NAME} {cocotb.SIM_VERSION}",
        cycles=vectors.cycles,
        compared=scoreboard.compared,
        start_fs=start_fs,
        counterexamples=tuple(scoreboard.counterexamples.values()),
    ).write(Path(job.result_file))
    found = scoreboard.counterexamples
    assert not found, "; ".join(f"{design}: {one.sentence()}" for design, one in found.items())
