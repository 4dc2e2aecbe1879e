#!/usr/bin/env python3
"""Makes an int8 copy of a converted detector. Needs numpy and onnx; --calibrate needs onnxruntime and pillow too.

    quantise.py IN.onnx RANGES.json OUT.onnx
    quantise.py IN.onnx RANGES.json --calibrate PICTURE...     writes RANGES.json

Promises: the same bytes for the same model and ranges; a result whose hash is not the pinned one is refused (--any: not
looked at). Static quantisation with QuantizeLinear and DequantizeLinear pairs: activations to uint8 by the recorded least
and greatest value of each tensor, weights to int8 per channel, biases to int32 (Jacob et al. 2018, arXiv 1712.05877).
Leaves to others: the pictures. The recorded ranges come from frames of Debian's `opencv-doc` (vtest.avi, 1 in 20).
"""
import hashlib
import json
import os
import sys

sys.dont_write_bytecode = True

import numpy as np  # noqa: E402
import onnx  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from tfjs import die  # noqa: E402

SHA256 = "2073b9ecba73133d7c6253e56ad5eb02b9da2f1d733c11a905a38a42473fae00"
QUANTISED = ("Conv", "LeakyRelu", "MaxPool", "Concat", "Add", "Resize")  # of these, float outputs become uint8
MEAN, STD = np.array([103.53, 116.28, 123.675]), np.array([57.375, 57.12, 58.395])


def activations(graph):
    """Float tensors that become uint8: the input, and what the quantised operators give, but not integer shapes."""
    inferred = onnx.shape_inference.infer_shapes(helper.make_model(graph)).graph
    floats = {v.name for v in [*inferred.value_info, *inferred.input] if v.type.tensor_type.elem_type == TensorProto.FLOAT}
    heads = {i for n in graph.node if n.op_type in ("Sigmoid", "Reshape", "Split") for i in n.input}
    made = {o for n in graph.node if n.op_type in QUANTISED for o in n.output}
    return [v.name for v in graph.input] + [o for n in graph.node for o in n.output if o in made & floats and o not in heads]


def calibrate(source, target, pictures):
    import onnxruntime as rt
    from PIL import Image

    model = onnx.load(source)
    names = activations(model.graph)
    side = model.graph.input[0].type.tensor_type.shape.dim[2].dim_value
    for name in names[1:]:
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    session = rt.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    ranges = {name: [0.0, 0.0] for name in names}
    for picture in pictures:
        x = np.asarray(Image.open(picture).convert("RGB").resize((side, side), Image.BILINEAR), np.float32)[:, :, ::-1]
        x = ((x - MEAN) / STD).transpose(2, 0, 1)[None].astype(np.float32)
        for name, value in zip(names, [x, *session.run(names[1:], {names[0]: x})]):
            least, most = ranges[name]
            ranges[name] = [min(least, float(value.min())), max(most, float(value.max()))]
    lines = [f"{json.dumps(k)}: [{v[0]:.4g}, {v[1]:.4g}]" for k, v in ranges.items()]
    with open(target, "w") as f:
        f.write("{\n" + ",\n".join(lines) + "\n}\n")


def quantise(model, ranges):
    graph, nodes, fresh = model.graph, [], {}
    weights = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    shown = {}  # float tensor -> its dequantised copy
    scales = {}

    def constant(name, array):
        fresh[name] = numpy_helper.from_array(array, name)
        return name

    def through_uint8(name):
        least, most = np.float32(min(ranges[name][0], 0)), np.float32(max(ranges[name][1], 0))
        scale = np.float32((most - least) / np.float32(255)) or np.float32(1)
        zero = np.uint8(np.clip(np.rint(-least / scale), 0, 255))
        scales[name] = scale
        s, z = constant(f"{name}_scale", np.array(scale)), constant(f"{name}_zero", np.array(zero))
        nodes.append(helper.make_node("QuantizeLinear", [name, s, z], [f"{name}_u8"]))
        nodes.append(helper.make_node("DequantizeLinear", [f"{name}_u8", s, z], [f"{name}_f"]))
        shown[name] = f"{name}_f"

    wanted = set(activations(graph))
    if wanted != set(ranges):
        die(f"the ranges are of another model: {sorted(wanted ^ set(ranges))[:4]}")
    for value in graph.input:
        through_uint8(value.name)
    for node in graph.node:
        inputs = list(node.input)
        if node.op_type == "Conv":
            w = weights[inputs[1]]
            w_scale = (np.abs(w).reshape(len(w), -1).max(1) / np.float32(127)).astype(np.float32)
            w_scale[w_scale == 0] = 1
            w8 = np.clip(np.rint(w / w_scale.reshape(-1, 1, 1, 1)), -127, 127).astype(np.int8)
            b_scale = (w_scale * scales[inputs[0]]).astype(np.float32)
            b32 = np.rint(weights[inputs[2]].astype(np.float64) / b_scale).astype(np.int32)
            for i, (array, scale) in ((1, (w8, w_scale)), (2, (b32, b_scale))):
                name = f"{node.output[0]}_{'wb'[i - 1]}"
                args = [constant(name, array), constant(f"{name}_scale", scale), constant(f"{name}_zero", np.zeros(len(w), array.dtype))]
                nodes.append(helper.make_node("DequantizeLinear", args, [f"{name}_f"], axis=0))
                inputs[i] = f"{name}_f"
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        del copy.input[:]
        copy.input.extend(shown.get(i, i) for i in inputs)
        nodes.append(copy)
        for output in node.output:
            if output in wanted:
                through_uint8(output)
    used = {i for n in nodes for i in n.input}
    kept = [t for t in graph.initializer if t.name in used] + [t for t in fresh.values() if t.name in used]
    result = helper.make_graph(nodes, graph.name + "-int8", graph.input, graph.output, kept)
    result = helper.make_model(result, opset_imports=model.opset_import, producer_name="nvr", ir_version=model.ir_version)
    onnx.checker.check_model(result, full_check=True)
    return result


def main(argv):
    if len(argv) > 3 and argv[2] == "--calibrate":
        return calibrate(argv[0], argv[1], argv[3:])
    if len(argv) not in (3, 4) or argv[3:] not in ([], ["--any"]):
        die("usage: quantise.py IN.onnx RANGES.json OUT.onnx [--any]")
    source, ranges, target = argv[:3]
    with open(ranges) as f:
        data = quantise(onnx.load(source), json.load(f)).SerializeToString(deterministic=True)
    digest = hashlib.sha256(data).hexdigest()
    if digest != SHA256 and not argv[3:]:
        die(f"the result has sha256 {digest}, expected {SHA256}: numpy {np.__version__}, onnx {onnx.__version__}")
    with open(target + ".part", "wb") as f:
        f.write(data)
    os.replace(target + ".part", target)
    print(f"quantise.py: {target}: {len(data)} bytes, sha256 {digest}")


if __name__ == "__main__":
    main(sys.argv[1:])
