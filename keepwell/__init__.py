"""Keepwell as one import package: each name here is a link to the folder of the same name beside it."""
