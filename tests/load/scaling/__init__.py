"""How the service scales: more server processes, the cost of a whole order, more orders in the tables (docs/scaling.md)."""
