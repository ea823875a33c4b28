"""ExecuTorch for edgesmith: the kind, stage and runtime of `.pte` files."""
