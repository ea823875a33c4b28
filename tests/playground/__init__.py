"""A small plugin for the engine's tests: stages that write texts in milliseconds, well and badly."""
