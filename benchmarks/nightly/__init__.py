"""How often nightly latency verdicts are right, on a noisy machine."""
