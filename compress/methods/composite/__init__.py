"""The composite agent and its parts: DDPG (ratio and precision), Rainbow (pruner), their replay and the reward
monitor."""
