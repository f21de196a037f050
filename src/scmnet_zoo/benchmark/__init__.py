"""Measurements of speed, on made-up data."""
