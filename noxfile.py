"""Sessions for developers: ``nox`` runs the checks, ``nox -s NAME`` one of them.

CI runs the README's test command, which contains lint and types as tests; these sessions are the
same checks one at a time, and those that are too slow for CI.
"""

import nox

nox.options.sessions = ["lint", "types", "imports", "tests"]
nox.options.default_venv_backend = "venv"


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install("-e", ".[test]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    session.install("-e", ".[test]")
    session.run("mypy")


@nox.session
def imports(session: nox.Session) -> None:
    """Check that imports point one way."""
    session.install("-e", ".[test]")
    session.run("lint-imports")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the whole test suite."""
    session.install("-e", ".[test]")
    session.run("pytest", "-n", "2", "--dist", "loadgroup", *session.posargs)


@nox.session
def zoo(session: nox.Session) -> None:
    """Import configurations of every family of transformers, compare, and write docs/data/zoo/coverage.csv."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "tests.importers.survey", *session.posargs)


@nox.session
def sweep(session: nox.Session) -> None:
    """Change every key of every class by itself, import, and compare; twenty minutes, not for CI."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "tests.importers.sweep", *session.posargs)


@nox.session
def mutation(session: nox.Session) -> None:
    """Change formulas one at a time and see whether the fast tests notice; half an hour, not for CI."""
    session.install("-e", ".[test,dev]")
    session.run("python", "tests/mutation.py", *session.posargs)


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Measure start-up and evaluation; prints ratios, asserts the limits it names."""
    session.install("-e", ".[test]")
    session.run("python", "benchmarks/run.py", *session.posargs)


@nox.session
def latex(session: nox.Session) -> None:
    """Compile every table in LaTeX and fail on any warning; needs a TeX, so not for CI."""
    session.install("-e", ".")
    session.run("python", "tests/latex.py", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Write the generated parts of the documentation again."""
    session.install("-e", ".[test]")
    session.run("python", "docs/data.py")
    session.run("archcalc", "docs", "README.md", "CONTRIBUTING.md", "docs")
    session.run("archcalc", "schema", "--out", "docs/archcalc.schema.json")
    session.run("archcalc", "schema", "--budgets", "--out", "docs/archcalc-budgets.schema.json")


@nox.session
def site(session: nox.Session) -> None:
    """Build the documentation as a site in build/site; a broken link or a page that is nowhere listed fails."""
    session.install("-e", ".[docs]")
    session.run("sphinx-build", "-c", "docs", "-W", "--keep-going", "-n", "-q", ".", "build/site", *session.posargs)
