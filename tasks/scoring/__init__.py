"""Scores, predictions and reasons of one date."""
