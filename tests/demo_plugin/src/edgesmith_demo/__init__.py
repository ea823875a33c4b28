"""A third-party plugin for edgesmith."""
