"""The safetensors format: what its own writer makes is read, everything else is an error with a name and a place."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.errors import SpecError, UnknownSpecError
from costmodel.importers.packing import Stored
from costmodel.importers.safetensors import MAX_HEADER, header, index, read_header
from costmodel.importers.weights import read_weights
from costmodel.loader import confined
from costmodel.report.import_ import import_

from .weight_files import LLAMA, header_of, llama, write, write_model


def put(path: Path, said: Any, data: int = 0, length: int | None = None) -> Path:
    """Write a header as it is given, and zeros behind it."""
    content = said if isinstance(said, bytes) else json.dumps(said).encode()
    size = len(content) if length is None else length
    path.write_bytes(size.to_bytes(8, "little") + content + bytes(data))
    return path


def tensor(dtype: Any = "BF16", shape: Any = (2, 3), offsets: Any = (0, 12)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def test_the_formats_own_writer_is_read(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    dtypes = {
        "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
        "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
        "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2, "F8_E8M0": torch.float8_e8m0fnu,
        "U16": torch.uint16, "U32": torch.uint32, "U64": torch.uint64, "C64": torch.complex64,
    }  # fmt: skip
    tensors = {name: torch.zeros(3, 2 + i, dtype=dtype) for i, (name, dtype) in enumerate(dtypes.items())}
    tensors |= {"scalar": torch.zeros(()), "empty": torch.zeros(0, 5)}
    save_file(tensors, tmp_path / "x.safetensors", metadata={"format": "pt"})
    found = {one.name: one for one in read_header(tmp_path / "x.safetensors")}
    assert found.keys() == tensors.keys()
    for name, one in tensors.items():
        assert found[name] == Stored(name, name if name in dtypes else "F32", tuple(one.shape))


BROKEN: dict[str, tuple[Any, int, int | None, str]] = {
    "nothing with bytes behind it": (
        {}, 4, None, "the tensors have 0 bytes, and 4 follow the header: something else follows",
    ),
    "cut off": ({"a": tensor()}, 11, None, "the tensors have 12 bytes, and 11 follow the header: the file is cut off"),
    "header cut off": (b"{}", 0, 100, "the header is said to have 100 bytes, and 2 follow: the file is cut off"),
    "header too long": (
        b"{}", 0, 2**63,
        "the header is said to have 9,223,372,036,854,775,808 bytes, and 25,000,000 is the most that is read",
    ),
    "no header": (b"", 0, None, "the header is no JSON object"),
    "no object": (b"[]", 0, None, "the header is no JSON object"),
    "a space first": (b" {}", 0, None, "the header is no JSON object"),
    "no JSON": (b'{"a": }', 0, None, "this is no JSON: expecting value"),
    "no UTF-8": (b'{"\xff": 1}', 0, None, "byte 0xFF is not UTF-8"),
    "twice": (b'{"a": 1, "a": 2}', 0, None, 'the key "a" is there twice in one object'),
    "nested": (b'{"a":' + b"[" * 100_000, 0, None, "nested too deeply"),
    "a number without end": (b'{"a":' + b"9" * 5000 + b"}", 0, None, "a number has too many digits"),
    "metadata": ({"__metadata__": {"a": 1}}, 0, None, "__metadata__ holds something else than texts"),
    "no tensor": ({"a": 5}, 0, None, 'the tensor "a" lacks dtype, shape or data_offsets'),
    "no shape": (
        {"a": {"dtype": "BF16", "data_offsets": [0, 12]}}, 12, None,
        'the tensor "a" lacks dtype, shape or data_offsets',
    ),
    "unknown type": ({"a": tensor("Q4")}, 12, None, 'the tensor "a" is of an unknown type "Q4"'),
    "no type": ({"a": tensor([1])}, 12, None, 'the tensor "a" is of an unknown type a list'),
    "negative": ({"a": tensor(shape=(-2, 3))}, 12, None, 'the shape of "a" is no list of numbers from 0'),
    "a fraction": ({"a": tensor(shape=(2.0, 3))}, 12, None, 'the shape of "a" is no list of numbers from 0'),
    "true": ({"a": tensor(shape=(True, 6))}, 12, None, 'the shape of "a" is no list of numbers from 0'),
    "axes": ({"a": tensor(shape=(1,) * 65)}, 2, None, 'the shape of "a" is no list of numbers from 0'),
    "beyond 64 bits": ({"a": tensor(shape=(2**64,))}, 0, None, 'the shape of "a" is no list of numbers from 0'),
    "three offsets": ({"a": tensor(offsets=(0, 6, 12))}, 12, None, 'the data_offsets of "a" are no two numbers from 0'),
    "backwards": (
        {"a": tensor(offsets=(12, 0))}, 12, None,
        'the tensor "a" takes 12 bytes by its shape, and -12 by its data_offsets',
    ),
    "another size": (
        {"a": tensor(offsets=(0, 10))}, 10, None,
        'the tensor "a" takes 12 bytes by its shape, and 10 by its data_offsets',
    ),
    "absurd": (
        {"a": tensor(shape=(2**63,) * 64)}, 12, None,
        'the tensor "a" takes far more bytes by its shape, and 12 by its data_offsets',
    ),
    "overlap": (
        {"a": tensor(), "b": tensor(offsets=(6, 18))}, 18, None, 'the tensor "b" overlaps the one before it',
    ),
    "the same bytes": ({"a": tensor(), "b": tensor()}, 12, None, 'the tensor "b" overlaps the one before it'),
    "a hole": (
        {"a": tensor(), "b": tensor(offsets=(16, 28))}, 28, None, 'the tensor "b" leaves a hole of 4 bytes before it',
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_such_file_is_said(case: str, tmp_path: Path) -> None:
    said, data, length, message = BROKEN[case]
    path = put(tmp_path / "model.safetensors", said, data, length)
    with pytest.raises(SpecError) as caught:
        read_header(path)
    assert caught.value.message == message
    assert caught.value.where is not None
    assert caught.value.where.startswith(str(path))
    if data:
        import safetensors as theirs

        with pytest.raises(theirs.SafetensorError):  # the format's own reader refuses it too
            theirs.safe_open(str(path), "pt")


@pytest.mark.parametrize("size", range(8))
def test_a_file_of_a_few_bytes(size: int, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(bytes(size))
    with pytest.raises(SpecError, match="starts with 8 for its header's length"):
        read_header(path)


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UnknownSpecError, match="there is no such file"):
        read_header(tmp_path / "model.safetensors")
    with pytest.raises(SpecError, match=r"there is no config\.json in this folder"):
        import_(str(tmp_path))
    for end in (".safetensors", ".safetensors.index.json", ".json", ".gguf", ""):
        with pytest.raises(SpecError, match="the file cannot be read: file name too long"):
            import_("x" * 5000 + end)
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(SpecError, match="this is a folder"):
        read_header(tmp_path / "folder.safetensors")
    os.mkfifo(tmp_path / "pipe.safetensors")
    with pytest.raises(SpecError, match="this is no regular file"):
        read_header(tmp_path / "pipe.safetensors")
    write(tmp_path / "model.safetensors", llama())
    (tmp_path / "inside").mkdir()
    with confined(tmp_path / "inside"), pytest.raises(SpecError, match="outside of what may be read"):
        read_header(tmp_path / "model.safetensors")


def test_weights_of_a_terabyte_are_read_from_their_header(tmp_path: Path) -> None:
    path = write(tmp_path / "model.safetensors", {"a": ("F32", (2**20, 2**18))})
    started = time.process_time()
    assert read_header(path) == [Stored("a", "F32", (2**20, 2**18))]
    assert time.process_time() - started < 1


def test_a_long_header_that_is_wrong_at_its_end_is_refused_soon() -> None:
    many = b",".join(b'"%d":0' % n for n in range(400_000))
    assert len(many) < MAX_HEADER
    started = time.process_time()
    with pytest.raises(SpecError, match="is there twice"):
        header(b"{" + many + b',"399999":0}', "x")
    assert time.process_time() - started < 10


HEADER, SIZE = header_of(llama(1))


@given(data=st.data())
@settings(max_examples=150)
def test_a_header_with_a_few_other_bytes_is_read_or_refused(data: st.DataObject) -> None:
    content = bytearray(HEADER)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        match data.draw(st.integers(0, 2)):
            case 0:
                content[at] = data.draw(st.integers(0, 255))
            case 1:
                del content[at : at + data.draw(st.integers(1, 30))]
            case _:
                content[at:at] = data.draw(st.binary(max_size=8))
        if not content:
            break
    with suppress(SpecError):
        assert all(n >= 0 for one in header(bytes(content), "x", SIZE) for n in one.shape)


INDICES: dict[str, tuple[Any, str]] = {
    "no object": ([], "a configuration is a JSON object"),
    "no map": ({"metadata": {}}, "an index has a weight_map from names of tensors to files"),
    "empty": ({"weight_map": {}}, "an index has a weight_map from names of tensors to files"),
    "a number": (
        {"weight_map": {"a": 1}}, 'the tensor "a" is not in a safetensors file beside the index, but in 1',
    ),
    "elsewhere": (
        {"weight_map": {"a": "../x.safetensors"}},
        'the tensor "a" is not in a safetensors file beside the index, but in "../x.safetensors"',
    ),
    "absolute": (
        {"weight_map": {"a": "/x.safetensors"}},
        'the tensor "a" is not in a safetensors file beside the index, but in "/x.safetensors"',
    ),
    "of another system": (
        {"weight_map": {"a": "..\\x.safetensors"}},
        'the tensor "a" is not in a safetensors file beside the index, but in "..\\x.safetensors"',
    ),
    "another format": (
        {"weight_map": {"a": "x.bin"}}, 'the tensor "a" is not in a safetensors file beside the index, but in "x.bin"',
    ),
    "no name": (
        {"weight_map": {"a": "\x1b[1mx.safetensors"}},
        'the tensor "a" is not in a safetensors file beside the index, but in "[1mx.safetensors"',
    ),
    "too long": (
        {"weight_map": {"a": "x" * 5000 + ".safetensors"}},
        f'the tensor "a" is not in a safetensors file beside the index, but in "{"x" * 48}..."',
    ),
    "too many": (
        {"weight_map": {str(n): f"{n}.safetensors" for n in range(10_001)}}, "the index names more than 10,000 files",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", INDICES)
def test_what_is_no_index_is_said(case: str) -> None:
    said, message = INDICES[case]
    with pytest.raises(SpecError) as caught:
        index(json.dumps(said).encode(), "model.safetensors.index.json")
    assert caught.value.message == message


def test_numbers_of_an_index() -> None:
    def of(**metadata: Any) -> tuple[int | None, int | None]:
        found = index(json.dumps({"metadata": metadata, "weight_map": {"a": "x.safetensors"}}).encode(), "x")
        return found.total_size, found.total_parameters

    assert of(total_size=12, total_parameters="3") == (12, 3)
    assert of(total_size=12.0) == (12, None)
    assert of(total_size=-1, total_parameters=[]) == (None, None)
    assert of(total_size=True, total_parameters="1e3") == (None, None)


def test_files_that_hold_other_tensors_than_their_index_says(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(json.dumps({"weight_map": {"a": "x.safetensors", "b": "x.safetensors"}}))
    write(tmp_path / "x.safetensors", {"a": ("F32", (2,))})
    with pytest.raises(SpecError, match=r'the tensor "b" is not in x.safetensors, as the index has it'):
        read_weights(path)
    write(tmp_path / "x.safetensors", {"a": ("F32", (2,)), "b": ("F32", (2,)), "c": ("F32", (2,))})
    with pytest.raises(SpecError, match=r'the tensor "c" is in x.safetensors, and the index does not have it there'):
        read_weights(path)


def test_an_adapter_is_no_model(tmp_path: Path) -> None:
    name = "base_model.model.model.layers.{}.self_attn.q_proj.lora_{}.weight"
    tensors = {name.format(layer, part): ("F32", (8, 64)) for layer in range(3) for part in "AB"}
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    path = write(tmp_path / "adapter_model.safetensors", tensors)
    for wanted in (tmp_path, path):
        with pytest.raises(SpecError) as caught:
            import_(str(wanted))
        assert (caught.value.code, caught.value.where) == ("AC411", str(wanted))
        assert caught.value.message == "this is an adapter, which changes a model and is none"
    with pytest.raises(SpecError, match="this is an adapter"):  # beside the configuration of its model
        import_(str(write_model(tmp_path / "m", LLAMA, tensors)))
    with pytest.raises(UnknownSpecError, match="there is no such file"):
        import_(str(tmp_path / "model.safetensors"))


def test_one_of_several_files_is_not_the_model(tmp_path: Path) -> None:
    path = write(tmp_path / "model-00002-of-00004.safetensors", llama())
    with pytest.raises(SpecError, match="this is one of 4 files that hold the weights together"):
        read_weights(path)
