"""A tagger in an ONNX file, made by the test: it sees which of three colours the image has most of, no more."""

from __future__ import annotations

from pathlib import Path

SIDE = 8
# Name, Danbooru's category, and the weights of red, green and blue (0 to 1) and of nothing in its log-odds.
TAGS = [
    ("general", 9, (0, 0, 0, 5)),
    ("red", 0, (12, -6, -6, -4)),
    ("green_hair", 0, (-6, 12, -6, -4)),
    ("blue", 0, (-6, -6, 12, -4)),
    ("1girl", 0, (0, 0, 0, 3)),
    ("2girls", 0, (0, 0, 0, -5)),
    ("alice_(wonderland)", 4, (0, 0, 0, 1)),
    ("close-up", 0, (0, 0, 0, -5)),
]


def write_tagger(folder: Path, channels_first: bool = False, last: str = "Sigmoid") -> Path:
    """``last``: the operation that ends it; "Identity" leaves log-odds, which no tagger gives."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = np.array([row for *_, row in TAGS], dtype=np.float32)
    constants = {
        "weights": weights[:, [2, 1, 0]].T / 255,  # blue before red, as these models are fed
        "bias": weights[:, 3],
        "axes": np.array([2, 3] if channels_first else [1, 2], dtype=np.int64),
    }
    nodes = [
        helper.make_node("ReduceMean", ["image", "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["sum"]),
        helper.make_node(last, ["sum"], ["tags"]),
    ]
    shape = ["n", 3, SIDE, SIDE] if channels_first else ["n", SIDE, SIDE, 3]
    graph = helper.make_graph(
        nodes,
        "tagger",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("tags", TensorProto.FLOAT, ["n", len(TAGS)])],
        [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "model.onnx")
    rows = [f"{n},{name},{category},{100 - n}" for n, (name, category, _) in enumerate(TAGS)]
    (folder / "selected_tags.csv").write_text("\n".join(["tag_id,name,category,count", *rows]))
    return folder
