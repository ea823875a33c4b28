"""What `benchmark` and `compare` measure, and how."""
