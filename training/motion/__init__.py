"""Motion capture to training data: reading, conversion to the 28-hinge humanoid, cleaning, editing, states.

    mimickit, deepmimic ──> hinges.from_rotations ──> Motion ──> cleaning ──> dataset (files) ──> clips.motion_states

Motions are `runtime.recording.Motion`: world frame, z up, metres, radians, quaternions wxyz.
"""
