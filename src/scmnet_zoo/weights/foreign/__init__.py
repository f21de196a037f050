"""Reads weight files of other implementations into the zoo's variable paths.

Knows the networks by their key and the paths of their variables alone; `scmnet_zoo.importers`
checks against the networks.
"""
