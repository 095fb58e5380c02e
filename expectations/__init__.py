"""GUARDING: suites of expectations as data, one per canonical table, and the pure functions that they use."""
