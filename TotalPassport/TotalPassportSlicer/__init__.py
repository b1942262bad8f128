"""What needs Slicer: installing, running the child process, and showing its results as nodes.

Every module here is imported when Slicer starts, before nibabel, onnxruntime and fastjsonschema are installed. What
needs them (of TotalPassportLib: `passport`, `pipeline`, `volume`) is imported inside the functions that use it.
"""
