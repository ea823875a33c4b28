"""Apple's Core AI for edgesmith: the kind, stage and runtime of `.aimodel` packages."""
