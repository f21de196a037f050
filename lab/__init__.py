"""How the project is measured; not part of what is installed.

Its modules are run from the top of the repository, e.g. `python -m lab.latency --help`.
"""
