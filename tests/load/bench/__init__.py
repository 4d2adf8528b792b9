"""The cost of an order: CPU and latency of each step of an order's life, each beside its floor. `make bench` runs it."""
