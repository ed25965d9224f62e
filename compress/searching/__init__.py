"""The problem, its reward and environment, the loop, its checkpoints, folder and result files."""
