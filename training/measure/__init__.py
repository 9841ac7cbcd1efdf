"""What is measured of motion, simulated or captured alike, by numbers that no controller is trained on.

`gait` sets twelve numbers of a run beside those of people at the same speed, `strides` compares whole strides with
those of people whom the prior never saw. Pure functions of states at 30 Hz: nothing here runs a controller.
"""
