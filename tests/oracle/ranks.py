"""Processes that are not there, or two that are: what a collective is called with.

``python -m tests.oracle.ranks RANK WORLD FILE`` trains the model below with DDP, as one
of so many processes that find each other by a file, and prints what it sent as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel
from torch.testing._internal.distributed.fake_pg import FakeStore
from torch.utils._python_dispatch import TorchDispatchMode

from .families import Family
from .models import build

# Call -> kind, and the argument that is the whole payload: an all-reduce's operand, what a gather gives (its
# result where it is no argument: -1), what a reduce-scatter is given.
CALLS = {
    "all_reduce": ("all_reduce", 0),
    "allreduce_": ("all_reduce", 0),
    "all_gather_into_tensor": ("all_gather", -1),
    "_allgather_base_": ("all_gather", 0),
    "reduce_scatter_tensor": ("reduce_scatter", 0),
    "_reduce_scatter_base_": ("reduce_scatter", 1),
}
IGNORED = {"wait_tensor", "_wrap_tensor_autograd"}

LLAMA = Family(
    "llama",
    {
        "model_type": "llama", "vocab_size": 96, "hidden_size": 64, "intermediate_size": 176, "num_hidden_layers": 3,
        "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 8, "tie_word_embeddings": False,
    },
    """
d_model: 64
vocab_size: 96
n_layers: 3
blocks:
  attention: {kind: attention, n_heads: 8, n_kv_heads: 4, head_dim: 8}
  mlp: {kind: ffn, d_ff: 176}
mixer: attention
ffn: mlp
""",
)  # fmt: skip


class Calls(TorchDispatchMode):
    """Counts collectives as (kind, bytes of the payload)."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[tuple[str, int]] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if DTensor in types:
            return NotImplemented  # an operation may sum its operands first: let it be taken apart
        out = func(*args, **(kwargs or {}))
        space, _, name = func._schema.name.partition("::")
        if space in ("c10d", "_c10d_functional") and name not in IGNORED:
            kind, place = CALLS.get(name, (name, 0))
            whole = out if place < 0 else args[place]
            tensors = whole if isinstance(whole, (list, tuple)) else [whole]
            self.seen[kind, sum(tensor.nbytes for tensor in tensors)] += 1
        return out


@contextmanager
def fake(world: int) -> Iterator[DeviceMesh]:
    """So many ranks, of which this process is the first and the others answer nothing."""
    dist.init_process_group("fake", rank=0, world_size=world, store=FakeStore())
    try:
        yield init_device_mesh("cpu", (world,))
    finally:
        dist.destroy_process_group()


def main(rank: int, world: int, file: Path) -> None:
    """Run three steps of data-parallel training and print the calls of the last."""
    dist.init_process_group("gloo", rank=rank, world_size=world, init_method=file.as_uri())
    # One bucket; the tables of rotations are the same everywhere and are not sent.
    model = DistributedDataParallel(build(LLAMA.config), bucket_cap_mb=100, forward_sync_buffers=False)
    tokens = torch.randint(0, 96, (2, 5))
    for _ in range(3):  # the first two also tell the others how the bucket is made up
        with Calls() as calls:
            model(input_ids=tokens, use_cache=False).logits.sum().backward()
    print(json.dumps([[*key, times] for key, times in calls.seen.items()]), flush=True)
    dist.barrier()  # neither leaves while the other still sums
    dist.destroy_process_group()
    os._exit(0)  # without waiting for threads of the group, of which one that has not ended aborts the process


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
