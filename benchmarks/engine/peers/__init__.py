"""The tools that edgesmith is measured against, each in an environment of its own."""
