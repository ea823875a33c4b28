"""Quantised models beside those of other quantisers: latency, accuracy, size."""
