"""Bias correction: what rounding shifts on average is taken off the biases."""
