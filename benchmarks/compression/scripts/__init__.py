"""What runs in a peer's own environment: SCRIPT SOURCE CALIBRATION RESULT. It imports nothing of edgesmith."""
