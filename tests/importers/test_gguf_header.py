"""Headers of GGUF files: as the ``gguf`` package reads them; cut off, changed or contradicting themselves, refused."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import gguf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.errors import ArchcalcError, SpecError, UnknownSpecError
from costmodel.importers.gguf.header import Header, read_header, read_model
from costmodel.loader import confined
from costmodel.report.import_ import import_

from .gguf_files import Metadata, Tensors, converted, one, write


def refused(path: Path) -> tuple[str | None, str]:
    with pytest.raises(SpecError) as caught:
        import_(str(path))
    assert caught.value.where is not None
    assert caught.value.where.startswith(str(path.parent))
    return caught.value.code, caught.value.message


@pytest.mark.parametrize("model", converted()[::17], ids=lambda model: model.name)
def test_the_gguf_package_reads_the_same(model: Any, tmp_path: Path) -> None:
    path = write(model, tmp_path / "model.gguf")
    theirs, ours = gguf.GGUFReader(path), read_header(path)
    assert [(t.name, t.shape, t.quant.name, t.values, t.bytes) for t in ours.tensors] == [
        (t.name, tuple(int(n) for n in t.shape[::-1]), t.tensor_type.name, t.n_elements, t.n_bytes)
        for t in theirs.tensors
    ]
    keys = {key: field.contents() for key, field in theirs.fields.items() if not key.startswith("GGUF.")}
    assert dict(ours.metadata) == keys


def test_a_file_that_is_cut_off_anywhere(tmp_path: Path) -> None:
    whole = write(one("llama-0"), tmp_path / "model.gguf").read_bytes()
    path = tmp_path / "cut.gguf"
    behind = [len(whole) // 2, len(whole) - 1]  # in the weights, and before their last byte
    for size in [*range(0, 2000, 7), *behind]:
        path.write_bytes(whole[:size])
        code, message = refused(path)
        assert code == "AC421"
        assert message.startswith(
            ("the header ends", "this is no GGUF file", f"the tensors end at byte {len(whole):,}")
        )


@settings(max_examples=150)
@given(data=st.data())
def test_a_file_with_a_few_other_bytes_is_read_or_refused(data: st.DataObject, tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.getbasetemp()
    content = bytearray(write(one("mixtral-0"), folder / "model.gguf").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 2500))] = data.draw(st.integers(0, 255))
    path = folder / "changed.gguf"
    path.write_bytes(content)
    try:
        import_(str(path))
    except ArchcalcError as error:
        assert error.code is not None  # noqa: PT017  (either is right)


HEAD = b"GGUF" + struct.pack("<I", 3)
KEY = struct.pack("<Q", 1) + b"a"
ASKED: dict[str, tuple[bytes, str]] = {
    "another format": (b"PK\x03\x04" + bytes(40), "this is no GGUF file"),
    "version 1": (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "version 1 of GGUF is not read"),
    "tensors": (HEAD + struct.pack("<QQ", 10**18, 0), "1,000,000,000,000,000,000 tensors are more than"),
    "keys": (HEAD + struct.pack("<QQ", 0, 10**18), "1,000,000,000,000,000,000 keys are more than"),
    "a name": (HEAD + struct.pack("<QQQ", 0, 1, 10**18), "a text of 1,000,000,000,000,000,000 bytes"),
    "a text": (HEAD + struct.pack("<QQ", 0, 1) + KEY + struct.pack("<IQ", 8, 10**18), "a text of 1,000,000"),
    "a list": (HEAD + struct.pack("<QQ", 0, 1) + KEY + struct.pack("<IIQ", 9, 4, 10**18), "the header ends before"),
    "texts": (HEAD + struct.pack("<QQ", 0, 1) + KEY + struct.pack("<IIQ", 9, 8, 10**18), "the header ends before"),
    "a list of lists": (
        HEAD + struct.pack("<QQ", 0, 1) + KEY + struct.pack("<IIQ", 9, 9, 1), 'the key "a" is a list of the unknown',
    ),
    "a type": (HEAD + struct.pack("<QQ", 0, 1) + KEY + struct.pack("<I", 13), 'the key "a" has a value of the unknown'),
    "a key twice": (HEAD + struct.pack("<QQ", 0, 2) + 2 * (KEY + struct.pack("<IB", 0, 1)), '"a" is there twice'),
    "an axis too many": (HEAD + struct.pack("<QQ", 1, 0) + KEY + struct.pack("<I", 2**31), 'tensor "a" has 2147483'),
    "no values": (HEAD + struct.pack("<QQ", 1, 0) + KEY + struct.pack("<IQIQ", 1, 0, 0, 0), "the impossible shape [0]"),
    "far too large": (
        HEAD + struct.pack("<QQ", 1, 0) + KEY + struct.pack("<IQQIQ", 2, 2**62, 2**62, 0, 0), "the impossible shape [4",
    ),
    "no block": (
        HEAD + struct.pack("<QQ", 1, 0) + KEY + struct.pack("<IQIQ", 1, 48, 8, 0), "Q8_0 has the impossible shape",
    ),
    "unknown type": (
        HEAD + struct.pack("<QQ", 1, 0) + KEY + struct.pack("<IQIQ", 1, 48, 99, 0), "is of the unknown type 99",
    ),
    "beyond the end": (
        HEAD + struct.pack("<QQ", 1, 0) + KEY + struct.pack("<IQIQ", 1, 48, 0, 10**18), "the tensors end at byte",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ASKED)
def test_more_than_there_is(case: str, tmp_path: Path) -> None:
    content, message = ASKED[case]
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    code, said = refused(path)
    assert code == "AC421"
    assert message in said


def test_tensors_of_one_name_or_at_one_place(tmp_path: Path) -> None:
    path = write(one("llama-0"), tmp_path / "model.gguf")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"blk.1.attn_q.weight", b"blk.0.attn_q.weight"))
    assert refused(path) == ("AC421", 'the tensor "blk.0.attn_q.weight" is there twice')
    name = b"token_embd.weight"
    start = content.index(name) + len(name) + 4 + 2 * 8 + 4  # behind its axes and type
    path.write_bytes(content[:start] + bytes(8) + content[start + 8 :])
    assert refused(path) == ("AC421", 'the tensor "token_embd.weight" overlaps the one before it')


@pytest.mark.parametrize(("kind", "value"), [(8, "x"), (4, 0), (10, 2**63)])
def test_an_alignment_that_is_none(kind: int, value: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    packed = struct.pack("<Q", 1) + b"x" if kind == 8 else struct.pack({4: "<I", 10: "<Q"}[kind], value)
    key = b"general.alignment"
    path.write_bytes(HEAD + struct.pack("<QQQ", 0, 1, len(key)) + key + struct.pack("<I", kind) + packed)
    code, message = refused(path)
    assert code == "AC421"
    assert message.startswith('the key "general.alignment" is')


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UnknownSpecError, match="there is no such file"):
        import_(str(tmp_path / "model.gguf"))
    (tmp_path / "folder.gguf").mkdir()
    assert refused(tmp_path / "folder.gguf") == ("AC001", "this is a folder")
    os.mkfifo(tmp_path / "pipe.gguf")
    assert refused(tmp_path / "pipe.gguf") == ("AC001", "this is no regular file")
    write(one("llama-0"), tmp_path / "model.gguf")
    (tmp_path / "inside").mkdir()
    with confined(tmp_path / "inside"), pytest.raises(SpecError, match="outside of what may be read"):
        import_(str(tmp_path / "model.gguf"))


def test_a_vocabulary_is_passed_over(tmp_path: Path) -> None:
    words = [f"word {index}" for index in range(20_000)]

    def edit(metadata: Metadata, _: Tensors) -> None:
        metadata["tokenizer.ggml.tokens"] = [9, 8, words]
        metadata["tokenizer.ggml.scores"] = [9, 6, [0.5] * len(words)]

    found = read_header(write(one("llama-0"), tmp_path / "model.gguf", edit))
    assert found.metadata["tokenizer.ggml.tokens"].length == len(words)
    assert found.tensors == read_header(write(one("llama-0"), tmp_path / "plain.gguf")).tensors


@pytest.mark.parametrize("kind", ["adapter", "mmproj", "imatrix"])
def test_what_stands_beside_a_model_is_none(kind: str, tmp_path: Path) -> None:
    def edit(metadata: Metadata, _: Tensors) -> None:
        metadata["general.type"] = [8, None, kind]

    path = write(one("llama-0"), tmp_path / "model.gguf", edit)
    assert refused(path) == ("AC424", f'the file says that it is of type "{kind}", and no model')


# Models in several files


def split(folder: Path, count: int = 3, **said: Any) -> list[Path]:
    """Write a model in several files, as llama.cpp's gguf-split does: every file says which it is."""

    def part(number: int) -> Path:
        def edit(metadata: Metadata, tensors: Tensors) -> None:
            promised = len(tensors)
            tensors[:] = tensors[number::count]
            if number:
                metadata.clear()
                metadata["general.architecture"] = [8, None, "llama"]
            for key, kind, value in (("no", 2, number), ("count", 2, count), ("tensors.count", 5, promised)):
                metadata[f"split.{key}"] = [kind, None, value]
            for key, (kind, value) in said.items():
                metadata[key.replace("_", ".")] = [kind, None, value]

        return write(one("llama-0"), folder / f"model-{number + 1:05}-of-{count:05}.gguf", edit)

    folder.mkdir(exist_ok=True)
    return [part(number) for number in range(count)]


def test_any_file_of_several_names_all(tmp_path: Path) -> None:
    alone = import_(str(write(one("llama-0"), tmp_path / "model.gguf")))
    for path in split(tmp_path / "parts"):
        found = import_(str(path))
        assert found.name == "model"
        assert found.stored == alone.stored
        assert {**found.spec, "source": None} == {**alone.spec, "source": None}


def test_several_files_of_which_one_is_missing_or_another(tmp_path: Path) -> None:
    first, second, _ = split(tmp_path / "parts")
    content = second.read_bytes()
    second.unlink()
    assert refused(first) == ("AC422", "part 2 of 3 is not beside the file")
    second.write_bytes(first.read_bytes())
    assert refused(first) == ("AC422", "the file does not say that it is part 2 of 3")
    second.write_bytes(content[:-1])
    assert refused(first)[0] == "AC421"
    second.write_bytes(content)
    renamed = first.rename(first.with_name("first.gguf"))
    assert refused(renamed) == ("AC422", "the file is one of 3 parts, and its name does not say which")


@pytest.mark.parametrize("promised", [(5, 38), (8, "many"), (5, -1)])
def test_several_files_with_more_tensors_than_they_say(promised: tuple[int, Any], tmp_path: Path) -> None:
    first, *_ = split(tmp_path / "parts", split_tensors_count=promised)
    code, message = refused(first)
    assert code == "AC422"
    assert message.startswith("the parts have 39 tensors, and should have ")


@pytest.mark.parametrize("count", [(2, 2000), (8, "3"), (6, 3.0)])
def test_a_number_of_files_that_is_none(count: tuple[int, Any], tmp_path: Path) -> None:
    first, *_ = split(tmp_path / "parts", split_count=count)
    assert refused(first)[0] == "AC422"


def test_a_header_is_plain_data(tmp_path: Path) -> None:
    found = read_model(write(one("llama-0"), tmp_path / "model.gguf"))
    assert isinstance(found, Header)
    assert found.metadata["llama.block_count"] == 4
