"""Phantoms and the demo network. Development only: nothing of this is part of the product."""
