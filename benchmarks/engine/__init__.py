"""The engine against its peers: start-up, cached re-runs, plans, overhead a node, ingest, cold runs."""
