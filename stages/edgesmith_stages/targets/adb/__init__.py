"""Android devices over adb: LiteRT's own `benchmark_model`, pushed and run there."""
