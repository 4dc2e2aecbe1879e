#!/usr/bin/env python3
"""Converts the default models from TensorFlow.js to ONNX. Needs numpy and onnx, no TensorFlow.

    convert.py MODEL IN.json OUT.onnx [--check]      MODEL: nanodet-g-416 | movenet-multipose

Promises: the same bytes for the same input on every machine, so that a sha256 can be pinned; refuses input whose hash is
not the one it was written for and a result whose hash is not the pinned one (--any-input: neither is looked at). `--check`
runs the result on a made-up picture with onnxruntime and compares with recorded outputs.
Leaves to others: getting the input (`fetch`), the conversion itself (`tfjs.py`), reading the outputs (`nvr-perception`).
"""
import hashlib
import json
import os
import sys

sys.dont_write_bytecode = True  # the folder of this file is not ours to write

import numpy as np  # noqa: E402
import onnx  # noqa: E402
from onnx import TensorProto  # noqa: E402

from tfjs import Converter, die, read_weights  # noqa: E402

MODELS = {
    "nanodet-g-416": {
        "json": "4495eb0ec74bd33ee40a79aa06ebc1ccd7e28be1bf7355d93ffb570b8d77f45d",
        "bin": "5d0e4f8c4eded666287330be03017d494787d35f523fd77ca23f59db984a4ad9",
        "onnx": "ed21b9f8887af43020b235d47fdab5a7d99ce08a24f39d93acc692bb248a98e4",
        "input": ("input_1", "image", TensorProto.FLOAT, [1, 3, 416, 416]),
        "outputs": {
            "Identity": ("score_8", TensorProto.FLOAT, [1, 2704, 80]),
            "Identity_1": ("score_16", TensorProto.FLOAT, [1, 676, 80]),
            "Identity_2": ("score_32", TensorProto.FLOAT, [1, 169, 80]),
            "Identity_3": ("distance_8", TensorProto.FLOAT, [1, 2704, 44]),
            "Identity_4": ("distance_16", TensorProto.FLOAT, [1, 676, 44]),
            "Identity_5": ("distance_32", TensorProto.FLOAT, [1, 169, 44]),
        },
        "check": {"shape": [1, 3, 416, 416], "scale": 2.0, "offset": -1.0, "tolerance": 1e-3, "sums": {
            "score_8": 0.00347057, "score_16": 0.00603924, "score_32": 0.015117,
            "distance_8": 0.67545865, "distance_16": 0.45134648, "distance_32": 0.88900446,
        }},
    },
    "movenet-multipose": {
        "json": "3c76e18669efc50148b28d0be97db491dc055cb2be292d248ec129031c5aa5de",
        "bin": "19828492d4a69c2e08915916c70f4d22c421c3b59152dfa5601834fc54f54118",
        "onnx": "a612b9c45171c9b6dec4e862e57b7b3beaad04ac0066e647854df07c8a74b8a8",
        "input": ("input", "image", TensorProto.INT32, [1, "height", "width", 3]),
        "outputs": {"Identity": ("people", TensorProto.FLOAT, [1, 6, 56])},
        "check": {"shape": [1, 256, 256, 3], "scale": 255.0, "offset": 0.0, "tolerance": 2e-2, "sums": {"people": 0.2015421}},
    },
}


def picture(check):
    """Waves of three periods, one per channel or plane: made from integers, so the same everywhere."""
    shape = check["shape"]
    n = np.arange(int(np.prod(shape)), dtype=np.int64)
    values = (((n * 7919) % 1009) * 3 + ((n // 416) % 97) * 11) % 1024 / 1024.0
    return (values * check["scale"] + check["offset"]).reshape(shape).astype(np.float32)


def outputs_of(path, spec):
    try:
        import onnxruntime as rt
    except ImportError:
        die("--check needs onnxruntime, which is not installed")
    options = rt.SessionOptions()
    options.intra_op_num_threads = 1
    session = rt.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    x = picture(spec["check"])
    x = x.astype(np.int32) if spec["input"][2] == TensorProto.INT32 else x
    names = [o[0] for o in spec["outputs"].values()]
    return dict(zip(names, session.run(names, {spec["input"][1]: x})))


def main(argv):
    flags = {a for a in argv if a.startswith("--")}
    args = [a for a in argv if not a.startswith("--")]
    if len(args) != 3 or args[0] not in MODELS or flags - {"--check", "--any-input"}:
        die(f"usage: convert.py {'|'.join(MODELS)} IN.json OUT.onnx [--check] [--any-input]")
    name, source, target = args
    spec = MODELS[name]
    with open(source, "rb") as f:
        text = f.read()
    with open(os.path.splitext(source)[0] + ".bin", "rb") as f:
        blob = f.read()
    strict = "--any-input" not in flags
    for kind, data in (("json", text), ("bin", blob)):
        if strict and hashlib.sha256(data).hexdigest() != spec[kind]:
            die(f"{source}: the {kind} file is not the one this was written for (sha256 {hashlib.sha256(data).hexdigest()})")
    model = json.loads(text)
    data = Converter(spec, model, read_weights(model, blob)).model(name).SerializeToString(deterministic=True)
    digest = hashlib.sha256(data).hexdigest()
    if strict and digest != spec["onnx"]:
        die(f"the result has sha256 {digest}, expected {spec['onnx']}: numpy {np.__version__}, onnx {onnx.__version__}")
    with open(target + ".part", "wb") as f:
        f.write(data)
    os.replace(target + ".part", target)
    print(f"convert.py: {target}: {len(data)} bytes, sha256 {digest}")
    if "--check" in flags:
        for output, array in outputs_of(target, spec).items():
            have, want = float(np.abs(array.astype(np.float64)).mean()), spec["check"]["sums"].get(output)
            if want is None or not abs(have - want) <= spec["check"]["tolerance"] * want:
                die(f"output {output}: mean magnitude {have:.8f}, recorded {want}")
        print(f"convert.py: {target}: outputs as recorded")


if __name__ == "__main__":
    main(sys.argv[1:])
