"""Pruned networks: which families can be, and how much faster one gets at what price."""
