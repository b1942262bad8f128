"""Results as nodes of the scene, and nodes as files for the child."""
