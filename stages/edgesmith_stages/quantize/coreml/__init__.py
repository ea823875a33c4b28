"""Compress Core ML packages with coremltools.optimize: weights, and activations calibrated on any machine.

The library's graph passes are run by themselves, on one program, and in the order that the library's functions would
run them on one model after the other. That costs one conversion instead of one a pass, leaves the library's global
state alone, and takes the ranges of activations from here: the library finds them by predicting, which needs macOS.
"""
