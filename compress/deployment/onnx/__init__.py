"""The ONNX form of the smaller network."""
