"""Equalisation: the same function with weights and activations that 8 bits hold better."""
