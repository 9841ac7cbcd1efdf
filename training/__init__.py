"""Offline: motion capture to a frozen score-matching motion prior, and task policies trained against it.

Each step is a module to run, configured by Hydra: `prepare` (clips), `pretrain` (a prior), `audit` (its figures),
`run` (a task policy), `evaluate` (an exported controller's figures). What comes out are ONNX files that
`runtime` loads; nothing here is imported there.
"""
