"""Weights of other implementations, brought to the zoo's variable paths."""

from scmnet_zoo.weights.importers.convert import import_checkpoint, write_imported
from scmnet_zoo.weights.importers.foreign import Imported, read_foreign

__all__ = ["Imported", "import_checkpoint", "read_foreign", "write_imported"]
