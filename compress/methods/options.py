"""The options that single methods have of their own: a table each, shown in help and stored beside the search's."""

from __future__ import annotations

from compress.vocabulary import JointCost, Objectives, Rates, RewardMode
from hwsim.files.spec import Shown, Spec, setting


class NoOptions(Spec):
    """Of a method that has none."""


class CompositeOptions(Spec):
    """Of the composite agent."""

    reward_mode: RewardMode = setting(
        RewardMode.STEP,
        "What the agent is paid: after each layer the reward of the network so far, its change, or at the end only.",
        Shown("Method composite"),
    )
    rates: Rates = setting(
        Rates.AMC, "Learning rates: actor 1e-4 and critic 1e-3, or the reverse.", Shown("Method composite")
    )


class NSGA2Options(Spec):
    """Of NSGA-II."""

    nsga2_objectives: Objectives = setting(
        Objectives.REWARD,
        "What is minimised: the reward with its sign turned, or loss and cost together.",
        Shown("Method nsga2", option="--nsga2"),
    )


class JointOptions(Spec):
    """Of the joint search."""

    joint_cost: JointCost = setting(JointCost.ENERGY, "The cost that is lowered.", Shown("Method joint"))
