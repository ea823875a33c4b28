"""OpenVINO for edgesmith: an artifact kind, two stages and a runtime."""
