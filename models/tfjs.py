"""TensorFlow.js graphs as ONNX, folded to plain NCHW.

Promises: the same bytes for the same graph; an operator that is not known, or known but used in a way that is not, is an
error. Leaves to others: which graphs, and whether the result is the pinned one (`convert.py`).

How it folds: a TensorFlow tensor is kept as an ONNX tensor and a permutation not yet carried out. Transposes only change
the permutation, convolutions take and give NCHW, elementwise operators pass the permutation on, and only an operator that
cares for the order of axes makes a real Transpose. Padding goes into the convolution or pooling behind it, additions of a
constant into the convolution before it.
"""
import base64
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8
NHWC = (0, 2, 3, 1)  # the permutation that shows an NCHW tensor as NHWC

TF_TYPES = {"DT_FLOAT": TensorProto.FLOAT, "DT_INT32": TensorProto.INT32, "DT_INT64": TensorProto.INT64, "DT_BOOL": TensorProto.BOOL}
UNARY = {"Sigmoid": "Sigmoid", "Abs": "Abs", "Exp": "Exp", "Reciprocal": "Reciprocal"}
BINARY = {
    "Add": "Add", "AddV2": "Add", "Sub": "Sub", "Mul": "Mul", "RealDiv": "Div", "FloorDiv": "Div", "Maximum": "Max",
    "Minimum": "Min", "Less": "Less", "Greater": "Greater", "GreaterEqual": "GreaterOrEqual", "Equal": "Equal",
    "LogicalAnd": "And",
}  # fmt: skip
FOLD = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Max": np.maximum, "Min": np.minimum}


def die(text):
    sys.exit(f"convert.py: {text}")


class Tensor:
    """An ONNX tensor seen through a permutation: seen.shape[i] == onnx.shape[perm[i]]. None: as it is."""

    def __init__(self, name, perm=None):
        self.name = name
        self.perm = None if perm is None or tuple(perm) == tuple(range(len(perm))) else tuple(perm)


class Padded:
    """A tensor whose zero (or lowest) padding has not been carried out: TensorFlow's pairs, one per seen axis."""

    def __init__(self, tensor, pads, value):
        self.tensor, self.pads, self.value = tensor, pads, value


def attributes(node):
    """TensorFlow.js attributes as plain Python values."""

    def plain(v):
        kind, value = next(iter(v.items()))
        if kind == "list":
            for k in ("i", "s", "f"):
                if k in value:
                    return [plain({k: x}) for x in value[k]]
            return []
        return {"s": lambda: base64.b64decode(value).decode(), "i": lambda: int(value)}.get(kind, lambda: value)()

    return {k: plain(v) for k, v in node.get("attr", {}).items()}


def read_weights(model, blob):
    """Name to array; float16 is widened, which is exact."""
    weights, at = {}, 0
    for group in model["weightsManifest"]:
        for w in group["weights"]:
            stored = w.get("quantization", {}).get("dtype", w["dtype"])
            if stored not in ("float16", "float32", "int32"):
                die(f"weight {w['name']} is stored as {stored}, which is not handled")
            dtype = np.dtype(stored).newbyteorder("<")
            count = int(np.prod(w["shape"], dtype=np.int64))
            end = at + count * dtype.itemsize
            if end > len(blob):
                die(f"the weights file ends inside {w['name']}")
            weights[w["name"]] = np.frombuffer(blob[at:end], dtype).astype(w["dtype"]).reshape(w["shape"])
            at = end
    if at != len(blob):
        die(f"{len(blob) - at} bytes of the weights file belong to nothing")
    return weights


class Converter:
    def __init__(self, spec, model, weights):
        self.spec, self.weights = spec, weights
        self.nodes = {n["name"]: n for n in model["modelTopology"]["node"]}
        self.uses = {}
        for n in self.nodes.values():
            for i in n.get("input", []):
                self.uses[i] = self.uses.get(i, 0) + 1
        self.values, self.out, self.constants, self.count = {}, [], {}, 0

    # Writing ONNX.

    def emit(self, op, inputs, outputs=1, **attrs):
        names = [f"t{self.count + i}" for i in range(outputs)]
        self.count += outputs
        self.out.append(helper.make_node(op, inputs, names, **attrs))
        return names[0] if outputs == 1 else names

    def constant(self, array):
        array = np.asarray(array, order="C")
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.constants:
            self.constants[key] = (f"c{len(self.constants)}", array)
        return self.constants[key][0]

    def plain(self, value):
        """The name of an ONNX tensor with the axes in the order seen."""
        if isinstance(value, np.ndarray):
            return self.constant(value)
        if isinstance(value, Padded):
            die("a padding is followed by something else than a convolution or a pooling")
        if value.perm is None:
            return value.name
        return self.emit("Transpose", [value.name], perm=list(value.perm))

    def nchw(self, value):
        if value.perm == NHWC:
            return value.name
        inverse = (0, 3, 1, 2)
        perm = inverse if value.perm is None else [value.perm[i] for i in inverse]
        return self.plain(Tensor(value.name, perm))

    def int64(self, value):
        if isinstance(value, np.ndarray):
            return self.constant(value.astype(np.int64))
        return self.emit("Cast", [self.plain(value)], to=TensorProto.INT64)

    def int32(self, name):
        return Tensor(self.emit("Cast", [name], to=TensorProto.INT32))

    # Reading TensorFlow.

    def get(self, ref):
        return self.values[ref[:-2] if ref.endswith(":0") else ref]

    def run(self):
        order, state = [], {}
        for root in self.spec["outputs"]:  # depth first, without recursion: the graph is deep
            stack = [(root, False)]
            while stack:
                name, left = stack.pop()
                if left:
                    state[name] = 2
                    order.append(name)
                elif name not in state:
                    state[name] = 1
                    stack.append((name, True))
                    stack += [(i.split(":")[0], False) for i in reversed(self.nodes[name].get("input", []))]
        for name in order:
            self.node(self.nodes[name])

    def node(self, n):
        op, name, a = n["op"], n["name"], attributes(n)
        if op == "Const":
            self.values[name] = self.weights[name]
            return
        if op == "Placeholder":
            self.values[name] = Tensor(self.spec["input"][1])
            return
        x = [self.get(i) for i in n.get("input", [])]
        handler = getattr(self, "op_" + op.strip("_"), None)
        if op in UNARY:
            result = Tensor(self.emit(UNARY[op], [x[0].name]), x[0].perm)
        elif op in BINARY:
            result = self.binary(BINARY[op], *x)
        elif handler:
            result = handler(x, a, name)
        else:
            die(f"operator {op} ({name}) is not known")
        if isinstance(result, list):
            for i, r in enumerate(result):
                self.values[name if i == 0 else f"{name}:{i}"] = r
        else:
            self.values[name] = result

    def binary(self, op, x, y):
        if isinstance(x, np.ndarray) and isinstance(y, np.ndarray):
            return FOLD[op](x, y)
        perm = next((v.perm for v in (x, y) if isinstance(v, Tensor) and v.perm), None)
        if op == "Add" and isinstance(y, np.ndarray) and isinstance(x, Tensor) and self.add_bias(x, y):
            return x
        if perm is None:
            return Tensor(self.emit(op, [self.plain(x), self.plain(y)]))
        names = []
        for v in (x, y):
            if isinstance(v, np.ndarray):  # lift to the full rank, then put the axes in the order of the ONNX tensor
                full = v.reshape((1,) * (len(perm) - v.ndim) + v.shape)
                names.append(self.constant(full.transpose(np.argsort(perm)) if v.size > 1 else v.reshape(())))
            elif v.perm == perm:
                names.append(v.name)
            else:
                return Tensor(self.emit(op, [self.plain(x), self.plain(y)]))
        return Tensor(self.emit(op, names), perm)

    def add_bias(self, x, y):
        """Puts a per-channel addition into the convolution that has just been written for it."""
        last = self.out[-1]
        if last.output[0] != x.name or last.op_type != "Conv" or len(last.input) != 2 or x.perm != NHWC:
            return False
        if y.size != y.shape[-1]:
            return False
        last.input.append(self.constant(y.reshape(-1)))
        return True

    # Operators with a form of their own, in the order of the alphabet.

    def op_AddN(self, x, a, name):
        return Tensor(self.emit("Sum", [self.plain(v) for v in x]))

    def op_ArgMax(self, x, a, name):
        return self.int32(self.emit("ArgMax", [self.plain(x[0])], axis=int(x[1]), keepdims=0))

    def op_Cast(self, x, a, name):
        if isinstance(x[0], np.ndarray):
            return x[0].astype({"DT_FLOAT": np.float32, "DT_INT32": np.int32}[a["DstT"]])
        return Tensor(self.emit("Cast", [x[0].name], to=TF_TYPES[a["DstT"]]), x[0].perm)

    def op_ConcatV2(self, x, a, name):
        axis, parts = int(x[-1]), x[:-1]
        perms = {getattr(p, "perm", None) for p in parts}
        perm = perms.pop() if len(perms) == 1 else None
        if perm:
            return Tensor(self.emit("Concat", [p.name for p in parts], axis=perm[axis]), perm)
        return Tensor(self.emit("Concat", [self.plain(p) for p in parts], axis=axis))

    def op_Conv2D(self, x, a, name):
        return self.convolution(x, a, depthwise=False)

    def op_DepthwiseConv2dNative(self, x, a, name):
        return self.convolution(x, a, depthwise=True)

    def op_FusedConv2D(self, x, a, name):
        return self.fused(x, a, depthwise=False)

    def op_FusedDepthwiseConv2dNative(self, x, a, name):
        return self.fused(x, a, depthwise=True)

    def fused(self, x, a, depthwise):
        result = self.convolution(x[:2], a, depthwise, bias=x[2].reshape(-1))
        for activation in a["fused_ops"][1:]:
            if activation == "Relu":
                result = Tensor(self.emit("Relu", [result.name]), result.perm)
            elif activation == "Relu6":
                bounds = [self.constant(np.float32(0)), self.constant(np.float32(6))]
                result = Tensor(self.emit("Clip", [result.name, *bounds]), result.perm)
            else:
                die(f"activation {activation} is not known")
        return result

    def convolution(self, x, a, depthwise, bias=None):
        if a["data_format"] != "NHWC":
            die(f"convolution in {a['data_format']}")
        h, w, cin, cout = x[1].shape
        kernel, groups = x[1].transpose(3, 2, 0, 1), 1
        if depthwise:
            kernel, groups = x[1].reshape(h, w, 1, cin * cout).transpose(3, 2, 0, 1), cin
        value, pads = self.padding(x[0], a, 0.0)
        inputs = [self.nchw(value), self.constant(kernel)]
        if bias is not None:
            inputs.append(self.constant(bias))
        attrs = {"kernel_shape": [h, w], "strides": a["strides"][1:3], "group": groups, **pads}
        if a["dilations"][1:3] != [1, 1]:
            attrs["dilations"] = a["dilations"][1:3]
        return Tensor(self.emit("Conv", inputs, **attrs), NHWC)

    def padding(self, value, a, fill):
        """The tensor before its padding, and the attributes that carry the padding out."""
        if isinstance(value, Padded):
            if a["padding"] != "VALID" or value.value != fill or value.pads[0].any() or value.pads[3].any():
                die("a padding that does not fit what is behind it")
            (top, bottom), (left, right) = value.pads[1].tolist(), value.pads[2].tolist()
            return value.tensor, {"pads": [top, left, bottom, right]}
        return value, ({"auto_pad": "SAME_UPPER"} if a["padding"] == "SAME" else {"pads": [0, 0, 0, 0]})

    def op_ExpandDims(self, x, a, name):
        return Tensor(self.emit("Unsqueeze", [self.plain(x[0]), self.int64(x[1].reshape(-1))]))

    def op_Fill(self, x, a, name):
        return Tensor(self.emit("Expand", [self.plain(x[1]), self.int64(x[0])]))

    def op_GatherNd(self, x, a, name):
        return Tensor(self.emit("GatherND", [self.plain(x[0]), self.int64(x[1])]))

    def op_Identity(self, x, a, name):
        return x[0]

    def op_LeakyRelu(self, x, a, name):
        return Tensor(self.emit("LeakyRelu", [x[0].name], alpha=float(np.float32(a["alpha"]))), x[0].perm)

    def op_Max(self, x, a, name):
        return Tensor(self.emit("ReduceMax", [self.plain(x[0])], axes=x[1].reshape(-1).tolist(), keepdims=0))

    def op_MaxPool(self, x, a, name):
        lowest = x[0].value if isinstance(x[0], Padded) else None
        if lowest is not None and lowest > np.finfo(np.float32).min:
            die("a pooling over a padding that could win")
        value, pads = self.padding(x[0], a, lowest)
        return Tensor(self.emit("MaxPool", [self.nchw(value)], kernel_shape=a["ksize"][1:3], strides=a["strides"][1:3], **pads), NHWC)

    def op_Pack(self, x, a, name):
        axis = self.constant(np.array([a["axis"]], np.int64))
        parts = [self.emit("Unsqueeze", [self.plain(v), axis]) for v in x]
        return Tensor(self.emit("Concat", parts, axis=a["axis"]))

    def op_Pad(self, x, a, name, value=0.0):
        pads = x[1]  # per seen axis; a transposition between padding and convolution permutes them
        return Padded(x[0], pads, value)

    def op_PadV2(self, x, a, name):
        return self.op_Pad(x, a, name, float(x[2]))

    def op_Range(self, x, a, name):
        return Tensor(self.emit("Range", [self.plain(v) for v in x]))

    def op_Reshape(self, x, a, name):
        return Tensor(self.emit("Reshape", [self.plain(x[0]), self.int64(x[1])]))

    def op_ResizeBilinear(self, x, a, name):
        if a["align_corners"] or not a["half_pixel_centers"]:
            die("a resize without half-pixel centres")
        image = self.nchw(x[0])
        head = self.emit("Slice", [self.emit("Shape", [image]), *(self.constant(np.array([i], np.int64)) for i in (0, 2, 0))])
        sizes = self.emit("Concat", [head, self.int64(x[1])], axis=0)
        resized = self.emit("Resize", [image, "", "", sizes], mode="linear", coordinate_transformation_mode="half_pixel")
        return Tensor(resized, NHWC)

    def op_Select(self, x, a, name):
        return Tensor(self.emit("Where", [self.plain(v) for v in x]))

    def op_Shape(self, x, a, name):
        return self.int32(self.emit("Shape", [self.plain(x[0])]))

    def op_Size(self, x, a, name):
        return self.int32(self.emit("Size", [self.plain(x[0])]))

    def op_SparseToDense(self, x, a, name):
        dense = np.full(x[1].reshape(-1), x[3], np.int32)
        for index, value in zip(x[0].reshape(-1, dense.ndim), np.broadcast_to(x[2], len(x[0]))):
            dense[tuple(index)] = value
        return dense

    def op_Split(self, x, a, name):
        return [Tensor(n) for n in self.emit("Split", [self.plain(x[1])], a["num_split"], axis=int(x[0]))]

    def op_SplitV(self, x, a, name):
        axis, perm = int(x[2]), x[0].perm
        names = self.emit("Split", [x[0].name, self.int64(x[1])], a["num_split"], axis=perm[axis] if perm else axis)
        return [Tensor(n, perm) for n in names]

    def op_SquaredDifference(self, x, a, name):
        d = self.binary("Sub", *x)
        return Tensor(self.emit("Mul", [d.name, d.name]), d.perm)

    def op_Squeeze(self, x, a, name):
        return Tensor(self.emit("Squeeze", [self.plain(x[0]), self.constant(np.array(a["squeeze_dims"], np.int64))]))

    def op_StridedSlice(self, x, a, name):
        if a["ellipsis_mask"]:
            die("a slice with an ellipsis")
        begins, ends, steps, axes, new, gone, axis = [], [], [], [], [], [], 0
        for i, (b, e, s) in enumerate(zip(*(v.tolist() for v in x[1:4]))):
            bit = 1 << i
            if a["new_axis_mask"] & bit:
                new.append(i)
                continue
            if a["shrink_axis_mask"] & bit:
                gone.append(axis)
                e = b + 1 if b != -1 else np.iinfo(np.int64).max
            elif a["begin_mask"] & bit and a["end_mask"] & bit and s == 1:
                axis += 1
                continue
            begins.append(0 if a["begin_mask"] & bit else b)
            ends.append(np.iinfo(np.int64).max if a["end_mask"] & bit else e)
            steps.append(s)
            axes.append(axis)
            axis += 1
        if new and gone:
            die("a slice that adds and removes axes")
        result = self.plain(x[0])
        if axes:
            result = self.emit("Slice", [result, *(self.constant(np.array(v, np.int64)) for v in (begins, ends, axes, steps))])
        if gone:
            result = self.emit("Squeeze", [result, self.constant(np.array(gone, np.int64))])
        if new:
            result = self.emit("Unsqueeze", [result, self.constant(np.array(new, np.int64))])
        return Tensor(result)

    def op_Sum(self, x, a, name):
        return Tensor(self.emit("ReduceSum", [self.plain(x[0]), self.int64(x[1].reshape(-1))], keepdims=0))

    def op_Tile(self, x, a, name):
        return Tensor(self.emit("Tile", [self.plain(x[0]), self.int64(x[1])]))

    def op_TopKV2(self, x, a, name):
        values, indices = self.emit("TopK", [self.plain(x[0]), self.int64(x[1].reshape(1))], 2, axis=-1, largest=1, sorted=1)
        return [Tensor(values), self.int32(indices)]

    def op_Transpose(self, x, a, name):
        perm, value = x[1].tolist(), x[0]
        if isinstance(value, Padded):
            inner = self.op_Transpose([value.tensor, x[1]], a, name)
            return Padded(inner, value.pads[perm], value.value)
        return Tensor(value.name, [value.perm[i] for i in perm] if value.perm else perm)

    def op_Unpack(self, x, a, name):
        axis = self.constant(np.array([a["axis"]], np.int64))
        parts = self.emit("Split", [self.plain(x[0])], a["num"], axis=a["axis"])
        return [Tensor(self.emit("Squeeze", [p, axis])) for p in ([parts] if a["num"] == 1 else parts)]

    def model(self, name):
        self.run()
        outputs = []
        for root, (output, dtype, shape) in self.spec["outputs"].items():
            self.out.append(helper.make_node("Identity", [self.plain(self.values[root])], [output]))
            outputs.append(helper.make_tensor_value_info(output, dtype, shape))
        drop_identities(self.out)
        _, inner, dtype, shape = self.spec["input"]
        used = {i for n in self.out for i in n.input}
        initializers = [numpy_helper.from_array(array, key) for key, array in self.constants.values() if key in used]
        graph = helper.make_graph(self.out, name, [helper.make_tensor_value_info(inner, dtype, shape)], outputs, initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="nvr", ir_version=IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        return model


def drop_identities(nodes):
    """Names the tensor behind a closing Identity after the output, where nobody else reads it."""
    for identity in [n for n in nodes if n.op_type == "Identity"]:
        source, target = identity.input[0], identity.output[0]
        if sum(source in n.input for n in nodes) != 1:
            continue
        for n in nodes:
            for i, o in enumerate(n.output):
                if o == source:
                    n.output[i] = target
        nodes.remove(identity)
