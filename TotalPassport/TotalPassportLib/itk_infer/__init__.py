"""ITKIT's itk_infer: folders of images through an ONNX network that carries its window and its strides itself.

docs/itk_infer.md tells what is the same and what is not.
"""
