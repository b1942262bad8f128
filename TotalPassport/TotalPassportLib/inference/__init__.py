"""Running networks: sessions, windows, blending."""
