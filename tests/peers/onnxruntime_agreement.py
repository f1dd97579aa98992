"""Runs an ONNX model by ONNX Runtime: MODEL INPUTS N_INPUTS OUTPUTS, the latter two files of little-endian float32.

INPUTS holds rows of N_INPUTS numbers; OUTPUTS gets every output of the model, one after the other.
Started by tests/onnxruntime.rs. By hand: pip install onnxruntime==1.27.0 numpy
"""

import sys

import numpy as np
import onnxruntime

model, inputs, n_inputs, outputs = sys.argv[1:]
x = np.fromfile(inputs, dtype="<f4").reshape(-1, int(n_inputs))
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
results = session.run(None, {session.get_inputs()[0].name: x})
np.concatenate([result.reshape(-1) for result in results]).astype("<f4").tofile(outputs)
