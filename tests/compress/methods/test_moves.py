"""Small changes of a layer's policy: bounds, what does not apply, and what they start from."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from compress.methods.refinement.moves import (
    EVERY_LAYER,
    FIRST_COARSE,
    FIRST_FINE,
    Edit,
    edited,
    relax,
    tighten,
    tighten_everywhere,
)
from compress.policy import DENSE_8BIT, LayerPolicy
from compress.pruning import SEARCH_PRUNERS
from compress.searching.actions import ActionSpec

ACTIONS = ActionSpec(max_sparsity=0.8, min_bits=3)
LAYERS = st.builds(
    LayerPolicy,
    st.sampled_from([*SEARCH_PRUNERS, "none"]),
    st.floats(0.0, 0.8).map(lambda value: round(value, 4)),
    st.integers(3, 8),
)


@given(LAYERS, st.sampled_from([*tighten(ACTIONS), *relax()]))
def test_an_edit_changes_something_within_the_bounds_or_does_not_apply(layer: LayerPolicy, edit: Edit) -> None:
    changed = edit.apply(layer, ACTIONS)
    if changed is None:
        return
    assert changed.action != layer.action
    assert 3 <= changed.bits <= 8 and 0.0 <= changed.sparsity <= 0.8
    assert (changed.bits != layer.bits) + ((changed.pruner, changed.sparsity) != (layer.pruner, layer.sparsity)) == 1


@given(LAYERS, st.sampled_from(tighten(ACTIONS)))
def test_a_harder_edit_never_relieves_and_a_softer_one_never_compresses(layer: LayerPolicy, edit: Edit) -> None:
    changed = edit.apply(layer, ACTIONS)
    if changed is not None:
        assert changed.bits <= layer.bits and changed.sparsity >= (layer.sparsity if layer.prunes else 0.0)
    for relief in relax():
        relieved = relief.apply(layer, ACTIONS)
        if relieved is not None:
            assert relieved.bits >= layer.bits and relieved.sparsity <= layer.sparsity


def test_what_an_unpruned_layer_starts_with() -> None:
    starts = {edit.pruner: edit.apply(DENSE_8BIT, ACTIONS) for edit in tighten(ACTIONS) if edit.pruner}
    assert set(starts) == set(SEARCH_PRUNERS)
    assert starts["level"] == LayerPolicy("level", FIRST_FINE, 8)
    assert starts["l2_ranked"] == LayerPolicy("l2_ranked", FIRST_COARSE, 8)
    capped = ActionSpec(max_sparsity=0.1)
    assert Edit(pruner="level", sparsity=0.4).apply(DENSE_8BIT, capped) == LayerPolicy("level", 0.1, 8)


def test_a_relief_to_zero_takes_the_pruner_away() -> None:
    assert Edit(sparsity=-1.0).apply(LayerPolicy("level", 0.3, 5), ACTIONS) == LayerPolicy("none", 0.0, 5)


@pytest.mark.parametrize("known", [(), (LayerPolicy("level", 0.2, 6),)])
def test_choices_are_filled_up_with_dense_layers(known: tuple[LayerPolicy, ...]) -> None:
    choices = edited(known, 2, Edit(bits=-1), 3, ACTIONS)
    assert choices == ((known or (DENSE_8BIT,))[0], DENSE_8BIT, LayerPolicy(bits=7))
    assert edited(known, 2, Edit(bits=1), 3, ACTIONS) is None


@given(st.lists(LAYERS, min_size=1, max_size=4).map(tuple), st.sampled_from(tighten_everywhere(ACTIONS)))
def test_an_edit_of_every_layer_is_that_edit_in_each_that_takes_it(
    choices: tuple[LayerPolicy, ...], edit: Edit
) -> None:
    changed = edited(choices, EVERY_LAYER, edit, len(choices), ACTIONS)
    alone = [edit.apply(layer, ACTIONS) for layer in choices]
    if changed is None:
        assert alone == [None] * len(choices)
    else:
        assert changed == tuple(new or old for new, old in zip(alone, choices, strict=True))
