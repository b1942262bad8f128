"""Models: what they are, which there are, and how official weights become one."""
