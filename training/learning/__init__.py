"""The vector environment, the learner on it, its worker processes, checkpoints and the log of a run."""
