"""Vectors for the signed log that others published, recognised by their form, not by their names.

Each module has `read(folder, tallies)`: it looks through the files for its own forms, feeds what it
finds to our code, and claims the files. What nobody claims is named at the end.
"""
