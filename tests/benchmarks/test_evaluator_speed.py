"""The evaluator against the plain one (a full float forward at every step), in one run, at equal accuracy figures.

Times are CPU seconds of one thread, so that other work on the machine does not count.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator

import numba
import numpy as np
import pytest
import torch

from compress.evaluation.calibration import Calibration
from compress.evaluation.evaluator import Evaluator, EvaluatorSpec
from compress.evaluation.masks import Compressor
from compress.images.dataset import load_data
from compress.models.load import build_model, load_model
from compress.models.registry import normalization_of
from compress.network.trace import trace
from compress.policy import LayerPolicy
from compress.pruning import SEARCH_PRUNERS
from tests.reference.plain_evaluation import accuracy_pct, compressed_model, logits

IMAGES = 1000
BATCH = 50

pytestmark = pytest.mark.slow


@pytest.fixture
def one_thread() -> Iterator[None]:
    threads, numba_threads = torch.get_num_threads(), numba.get_num_threads()
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    numba.set_num_threads(numba_threads)


def cpu_seconds(work: Callable[[], float]) -> tuple[float, float]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def episode(count: int, seed: int) -> list[LayerPolicy]:
    """Mild actions, as a search settles on: accuracies that are far from chance, where an error would show."""
    rng = np.random.default_rng(seed)
    return [
        LayerPolicy(str(rng.choice(SEARCH_PRUNERS)), float(rng.uniform(0, 0.25)), int(rng.integers(4, 9)))
        for _ in range(count)
    ]


@pytest.mark.timeout(3600)
def test_a_resnet18_episode_is_four_times_faster_at_equal_accuracy(
    cifar10: str, shared_weights: dict[str, str], one_thread: None
) -> None:
    name = "resnet18-cifar"
    data = load_data(cifar10, normalization=normalization_of(name))
    model = load_model(name, shared_weights["resnet18"], data)
    graph = trace(model, data.example)
    images, labels = data.validation.images[:IMAGES], data.validation.labels[:IMAGES]
    calibration = Calibration(graph, model, data.calibration)
    evaluator = Evaluator(graph, model, images, labels, calibration, spec=EvaluatorSpec(batch=BATCH))
    policies = episode(20, seed=3)
    calibration.samples  # noqa: B018 - collected once a run, like the ranges, not once an episode
    evaluator.accuracy_pct()
    ours_s, simulation_s, forward_s = 0.0, 0.0, 0.0
    for index, policy in enumerate(policies):

        def step(index: int = index, policy: LayerPolicy = policy) -> float:
            evaluator.apply(index, policy)
            return evaluator.accuracy_pct()

        seconds, ours = cpu_seconds(step)
        ours_s += seconds
        plain = compressed_model(graph, model, evaluator.compression, calibration)
        seconds, expected = cpu_seconds(lambda plain=plain: accuracy_pct(plain, images, labels, BATCH))  # type: ignore[misc]
        simulation_s += seconds
        assert ours == expected, f"step {index}, {policy}"
        if index < 2:  # the float forward costs the same at every step
            seconds, _ = cpu_seconds(lambda: float(logits(model, images).sum()))
            forward_s += seconds * len(policies) / 2
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"\n20 steps, {IMAGES} images: ours {ours_s:.1f} s, plain float forward {forward_s:.1f} s"
        f" ({forward_s / ours_s:.1f} x), plain with simulated quantization {simulation_s:.1f} s"
        f" ({simulation_s / ours_s:.1f} x), peak memory {peak_gb:.2f} GB"
    )
    assert forward_s / ours_s >= 4
    assert peak_gb < 3


@pytest.mark.timeout(1200)
def test_seven_pruners_on_resnet50_within_five_seconds(one_thread: None) -> None:
    torch.manual_seed(0)
    model = build_model("resnet50").eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    images = torch.randn(8, 3, 224, 224)
    graph = trace(model, images[:1])
    calibration = Calibration(graph, model, images)
    calibration.samples  # noqa: B018 - two forward passes of the calibration images, once a run
    compressor = Compressor(graph, calibration)
    seconds = {}
    for name in SEARCH_PRUNERS:
        policies = [LayerPolicy(name, 0.5)] * len(graph.layers)
        seconds[name], _ = cpu_seconds(lambda policies=policies: len(compressor.derive(policies).layers))  # type: ignore[misc]
    print("\n" + ", ".join(f"{name} {value:.2f} s" for name, value in seconds.items()))
    # two cores share the work; one does it here
    assert sum(seconds.values()) < 10
