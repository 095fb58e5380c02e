"""SAMPLE: a small invented B2B software company, generated from a seed."""
