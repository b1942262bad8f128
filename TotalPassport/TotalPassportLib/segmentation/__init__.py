"""From a prepared scan to labels: networks, the engines that run them, windows, blending, cleaning."""
