"""The formats, one file each: `write(job, folder)`, and `load(path)` for what was written."""
