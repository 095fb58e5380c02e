"""SAMPLE: a small invented B2B software company whose whole life follows from a seed."""
