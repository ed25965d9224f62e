"""The smaller network on disk: channels removed, ONNX, recipe."""
