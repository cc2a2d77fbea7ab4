"""Files of measured kernels: what is read, what is refused, and times that need no work per row."""

from __future__ import annotations

import gzip
from itertools import islice
from pathlib import Path

import pytest

from costmodel.errors import UsageError
from costmodel.measured import Table, evaluate, read
from costmodel.profiles import load_hardware
from costmodel.timing.gemm import GemmTime

MEASURED = Path(__file__).parent.parent / "benchmarks" / "measured"
H200 = load_hardware("h200-sxm")
GEMM = "gemm_dtype,m,n,k,latency_us\nbfloat16,1024,2048,4096,30\nfp8,128,1024,1024,20\n"
NO_FP8 = "fp64, fp32, tf32, bf16, fp16, int8, int4"


def table(text: str | bytes, tmp_path: Path, name: str = "rows.csv", device: str = "h200-sxm") -> Table:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(path, load_hardware(device))


def test_floors_by_hand(tmp_path) -> None:
    floors, _ = evaluate(table(GEMM, tmp_path), H200)
    # 2 * 1024 * 2048 * 4096 FLOPs at 989 TFLOP/s; its 29 MB take 6.1 us at 4.8 TB/s.
    assert floors[0] == pytest.approx(17179869184 / 989e6, rel=1e-12)
    # 1024*1024 + 128*1024 bytes of fp8 and 2 * 128*1024 of results at 4.8 TB/s; 0.14 us of FLOPs.
    assert floors[1] == pytest.approx(1441792 / 4.8e6, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("lf.csv", GEMM.encode()),
        ("crlf.csv", GEMM.replace("\n", "\r\n").encode()),
        ("mark.csv", b"\xef\xbb\xbf" + GEMM.encode()),
        ("blank.csv", GEMM.replace("\nfp8", "\n\n\nfp8").encode() + b"\n\n"),
        ("quoted.csv", GEMM.replace("bfloat16", '"bfloat16"').encode()),
        ("no-end.csv", GEMM.rstrip().encode()),
        ("packed.csv.gz", gzip.compress(GEMM.encode(), mtime=0)),
        ("packed-without-a-name.csv", gzip.compress(GEMM.encode(), mtime=0)),
    ],
)
def test_one_file_in_many_forms(name: str, content: bytes, tmp_path) -> None:
    plain, found = table(GEMM, tmp_path), table(content, tmp_path, name)
    assert found.header == plain.header
    assert {key: list(column) for key, column in found.columns.items()} == {
        key: list(column) for key, column in plain.columns.items()
    }
    assert evaluate(found, H200) == evaluate(plain, H200)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "rows.csv is empty\n  a header and rows, as in benchmarks/measured"),
        (b"\n\n", "rows.csv is empty\n  a header and rows, as in benchmarks/measured"),
        (GEMM.encode() + b"fp8,1,2\n", "rows.csv:4: 3 values under 5 columns"),
        (GEMM.encode() + b"\n\nfp8,1,2,3,4,5\n", "rows.csv:6: 6 values under 5 columns"),
        (GEMM.encode() + b'"fp8",1,2\n', "rows.csv:4: 3 values under 5 columns"),
        (GEMM.encode() + b'"fp8,1,2,3,4\n', "rows.csv is not CSV: unexpected end of data"),
        (
            b"gemm_dtype,m,n,k,m\nfp8,1,2,3,4\n",
            'rows.csv has two columns called "m"\n  take one of them out',
        ),
        (
            "gemm_dtype,m,n,k\n\xfc,1,2,3\n".encode("latin-1"),
            "rows.csv is no text in UTF-8\n  name a CSV, one kernel a row",
        ),
        (gzip.compress(GEMM.encode(), mtime=0)[:-9], "rows.csv cannot be read: compressed file ended before the"
         " end-of-stream marker was reached"),
    ],
)  # fmt: skip
def test_a_file_that_is_none(content: bytes, message: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read(Path("rows.csv"), H200)
    assert str(caught.value) == f"error: {message}"


def test_columns_of_no_kernel_list_those_of_the_nearest(tmp_path) -> None:
    with pytest.raises(UsageError) as caught:
        table("a,b\n1,2\n", tmp_path)
    assert caught.value.message.endswith("rows.csv has the columns of no kernel")
    assert caught.value.hint == "the nearest, gemm: gemm_dtype, m, n, k"
    with pytest.raises(UsageError) as caught:
        table("num_gpus,op_name,message_size\n1,2,3\n", tmp_path)
    assert caught.value.hint == "the nearest, collective: op_name, nccl_dtype, num_gpus, message_size"


def test_a_folder_and_a_missing_file_are_refused(tmp_path) -> None:
    for path, reason in ((tmp_path, "is a directory"), (tmp_path / "no.csv", "no such file or directory")):
        with pytest.raises(UsageError) as caught:
            read(path, H200)
        assert str(caught.value) == f"error: {path} cannot be read: {reason}"


@pytest.mark.parametrize(
    ("value", "need"),
    [
        ("x", "a number"),
        ("", "a number"),
        ("0", "a number above 0 to 2^60"),
        ("-1", "a number above 0 to 2^60"),
        ("nan", "a number above 0 to 2^60"),
        ("inf", "a number above 0 to 2^60"),
        ("1e300", "a number above 0 to 2^60"),
    ],
)
@pytest.mark.parametrize("without", ["", "1"])
def test_a_size_that_is_none(value: str, need: str, without: str, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("ARCHCALC_NO_NUMPY", without)
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text(f"gemm_dtype,m,n,k\nfp8,1,2,3\n\nfp8,1,{value},3\n")
    with pytest.raises(UsageError) as caught:
        evaluate(read(Path("rows.csv"), H200), H200)
    assert str(caught.value) == f'error: rows.csv:4: n "{value}" is not {need}'


def test_an_unknown_label_lists_those_that_are_known(tmp_path) -> None:
    with pytest.raises(UsageError) as caught:
        evaluate(table("gemm_dtype,m,n,k\nfp7,1,2,3\n", tmp_path), H200)
    assert str(caught.value).startswith('error: there is no gemm_dtype "fp7"\n  known: bfloat16, float16, fp8,')


def test_a_device_without_the_format(tmp_path) -> None:
    a100 = load_hardware("a100-sxm-80gb")
    with pytest.raises(UsageError) as caught:
        evaluate(table(GEMM, tmp_path), a100)
    assert str(caught.value) == (
        f"error: a100-sxm-80gb has no fp8 matmul (it has {NO_FP8})\n  archcalc hardware list shows what others multiply"
    )


def test_an_fp8_cache_is_multiplied_in_bf16_where_there_is_no_fp8(tmp_path) -> None:
    head = "batch_size,isl,num_heads,mla_dtype,kv_cache_dtype,step\n"
    rows = head + "64,1,128,bfloat16,fp8,4095\n64,1,128,bfloat16,bfloat16,4095\n"
    a100 = load_hardware("a100-sxm-80gb")
    fp8, bf16 = evaluate(table(rows, tmp_path, device="a100-sxm-80gb"), a100)[0]
    # 2 * 64 * 128 * 4096 * (576 + 512) FLOPs at 312 TFLOP/s bind both: the bytes halve and take less.
    assert fp8 == bf16 == pytest.approx(2 * 64 * 128 * 4096 * 1088 / 312e6, rel=1e-12)


def test_no_link_no_collective(tmp_path) -> None:
    local = load_hardware("local-cpu")
    with pytest.raises(UsageError) as caught:
        evaluate(table("op_name,nccl_dtype,num_gpus,message_size\nall_gather,half,8,1024\n", tmp_path), local)
    assert str(caught.value) == (
        "error: local-cpu has no link to other devices\n  archcalc hardware list shows which devices have one"
    )


def heads(count: int) -> list[tuple[str, bytes]]:
    """The first rows of every file of the H200."""
    found = []
    for path in sorted(MEASURED.glob("*__h200_sxm__*.csv.gz")):
        with gzip.open(path, "rb") as file:
            found.append((path.name.partition("__")[0], b"".join(islice(file, count))))
    return found


@pytest.mark.parametrize(("name", "content"), heads(400), ids=lambda value: value if isinstance(value, str) else "")
def test_the_same_without_numpy(name: str, content: bytes, tmp_path, monkeypatch) -> None:
    found = table(content, tmp_path, f"{name}.csv")
    floors, expected = evaluate(found, H200)
    monkeypatch.setenv("ARCHCALC_NO_NUMPY", "1")
    own_floors, own_expected = evaluate(found, H200)
    assert floors == pytest.approx(own_floors, rel=1e-12)
    assert expected == pytest.approx(own_expected, rel=1e-12)
    assert all(time is None or time >= low for low, time in zip(floors, expected, strict=True))


def test_without_coefficients_only_the_floor_is_known(tmp_path, monkeypatch) -> None:
    mi300x = load_hardware("mi300x")
    for without in ("", "1"):
        monkeypatch.setenv("ARCHCALC_NO_NUMPY", without)
        floors, expected = evaluate(table(GEMM, tmp_path), mi300x)
        assert all(floors)
        assert expected == [None, None]


def test_a_formula_is_called_as_often_for_many_rows_as_for_few(tmp_path, monkeypatch) -> None:
    calls = 0
    formula = GemmTime.time_us

    def counted(self: GemmTime, *sizes: object) -> object:
        nonlocal calls
        calls += 1
        return formula(self, *sizes)  # type: ignore[arg-type]

    monkeypatch.setattr(GemmTime, "time_us", counted)
    found = []
    for rows in (10, 5_000):
        calls = 0
        body = "".join(f"{'fp8' if i % 2 else 'bfloat16'},{i + 1},4096,4096\n" for i in range(rows))
        floors, _ = evaluate(table("gemm_dtype,m,n,k\n" + body, tmp_path), H200)
        assert len(floors) == rows
        found.append(calls)
    assert found == [2, 2]  # one a format
