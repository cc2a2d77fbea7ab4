"""Exact and honest costs of language-model architectures: parameters, FLOPs, cache.

    import costmodel as cm

    model = cm.load("deepseek-v3")             # a catalog name, or a path to a spec
    cm.show(model).params.total                # 671026404352
    cm.cache("gemma-3-27b", context=["128Ki"]).cache[0].bytes
    cm.flops(model, new=1, cached=4095).flops.forward
    cm.kernel("gemm", hardware="h200-sxm", m=128, n=8192, k=4096, dtype="fp8").time.expected_s

Each function returns the object whose JSON the command of its name prints; ``cm.to_data`` turns it
into dicts. Everything is imported when it is first used.
"""

# Not imported from typing: `archcalc --version` answers in the time of a bare interpreter.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from costmodel.architecture import Architecture as Architecture
    from costmodel.catalog import load as load
    from costmodel.errors import ArchcalcError as ArchcalcError
    from costmodel.gate.check import check as check
    from costmodel.gate.claims import claims as claims
    from costmodel.gate.diff import diff as diff
    from costmodel.gate.lock import lock as lock
    from costmodel.profiles import load_hardware as load_hardware
    from costmodel.report.cache import cache as cache
    from costmodel.report.calibrate import calibrate as calibrate
    from costmodel.report.compare import compare as compare
    from costmodel.report.data import to_data as to_data
    from costmodel.report.explain import explain as explain
    from costmodel.report.fit import fit as fit
    from costmodel.report.flops import flops as flops
    from costmodel.report.hardware import hardware as hardware
    from costmodel.report.import_ import import_ as import_
    from costmodel.report.kernel import kernel as kernel
    from costmodel.report.kernel_file import kernel_file as kernel_file
    from costmodel.report.listing import list_ as list_
    from costmodel.report.reference import reference as reference
    from costmodel.report.roofline import roofline as roofline
    from costmodel.report.serve import serve as serve
    from costmodel.report.show import show as show
    from costmodel.report.verify import verify_ as verify_
    from costmodel.workload import Workload as Workload

__version__ = "0.1.0"
FORMULAS = 1  # the version of the formulas: figures of one version never change

_EXPORTS = {
    "Architecture": "architecture",
    "ArchcalcError": "errors",
    "Workload": "workload",
    "cache": "report.cache",
    "calibrate": "report.calibrate",
    "check": "gate.check",
    "claims": "gate.claims",
    "compare": "report.compare",
    "diff": "gate.diff",
    "explain": "report.explain",
    "fit": "report.fit",
    "flops": "report.flops",
    "hardware": "report.hardware",
    "import_": "report.import_",
    "kernel": "report.kernel",
    "kernel_file": "report.kernel_file",
    "list_": "report.listing",
    "load": "catalog",
    "lock": "gate.lock",
    "load_hardware": "profiles",
    "reference": "report.reference",
    "roofline": "report.roofline",
    "serve": "report.serve",
    "show": "report.show",
    "to_data": "report.data",
    "verify_": "report.verify",
}
__all__ = [
    "ArchcalcError",
    "Architecture",
    "Workload",
    "__version__",
    "cache",
    "calibrate",
    "check",
    "claims",
    "compare",
    "diff",
    "explain",
    "fit",
    "flops",
    "hardware",
    "import_",
    "kernel",
    "kernel_file",
    "list_",
    "load",
    "load_hardware",
    "lock",
    "reference",
    "roofline",
    "serve",
    "show",
    "to_data",
    "verify_",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    module = _EXPORTS.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
