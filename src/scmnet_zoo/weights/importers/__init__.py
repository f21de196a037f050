"""Weights of other implementations, brought to the zoo's variable paths."""
