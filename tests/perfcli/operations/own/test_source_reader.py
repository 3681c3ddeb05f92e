"""Own operations are read from their source: what is declared, and every mistake with line and column."""

from __future__ import annotations

import sys
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcli.operations.own.declared import DeclaredOperation, OperationFile, Parameter
from perfcli.operations.own.source_reader import MOST_OPERATIONS, read_operations
from tests.perfcli.operations.own.files import operation_file

IMPORT = "from perfcli.operations import Context, operation\n"

RENAME = IMPORT + dedent('''
    @operation(counters={"letters": "count", "text": "size"})
    def rename(ctx: Context, length: int = 8, *, words: list[str] = ["a"]) -> None:
        """Give the pet a new name.

        It is drawn from the vu's seed.
        """
        with ctx.timed():
            pass
    ''')


def mistakes_of(source: str) -> list[tuple[int, int, str]]:
    return [tuple(mistake) for mistake in read_operations(source, built_in=("load_pet",)).mistakes]  # type: ignore[misc]


def only(source: str) -> DeclaredOperation:
    (operation,) = operation_file(source, "own.py").operations
    return operation


def test_a_declaration_holds_what_the_function_says() -> None:
    assert only(RENAME) == DeclaredOperation(
        name="rename",
        line=4,
        column=5,
        doc="Give the pet a new name.\n\nIt is drawn from the vu's seed.",
        parameters=(
            Parameter(name="length", line=4, column=26, type="int", required=False, default=8),
            Parameter(name="words", line=4, column=46, type="list[str]", required=False, default=["a"]),
        ),
        counters={"letters": "count", "text": "size"},
        is_async=False,
        uses=("timed",),
    )
    assert only(RENAME).summary == "Give the pet a new name."


def test_a_file_of_operations_survives_json() -> None:
    file = operation_file(RENAME, "own.py", "/somewhere/own.py")
    assert OperationFile.model_validate_json(file.model_dump_json()) == file
    assert file.source == RENAME


def test_the_digest_is_of_the_source_alone() -> None:
    here, there = operation_file(RENAME, "own.py", "/a/own.py"), operation_file(RENAME, "x.py", "/b/x.py")
    assert here.digest == there.digest
    assert operation_file(RENAME + "# more\n", "own.py").digest != here.digest


@pytest.mark.parametrize(
    ("imported", "decorator"),
    [
        ("from perfcli.operations import operation", "operation"),
        ("from perfcli.operations import operation as op", "op"),
        ("from perfcli.operations import *", "operation"),
        ("from perfcli import operations", "operations.operation"),
        ("from perfcli import operations as ops", "ops.operation"),
        ("import perfcli.operations", "perfcli.operations.operation"),
        ("import perfcli.operations as ops", "ops.operation"),
        ("import perfcli", "perfcli.operations.operation"),
        ("import perfcli as p", "p.operations.operation"),
        ("if 1:\n    from perfcli.operations import operation", "operation"),
    ],
)
@pytest.mark.parametrize("call", ["", "()", "(counters={'letters': 'count'})"])
@pytest.mark.parametrize("keyword", ["def", "async def"])
def test_the_decorator_is_known_by_any_name_it_is_imported_under(
    imported: str, decorator: str, call: str, keyword: str
) -> None:
    operation = only(
        f"from __future__ import annotations\n{imported}\n@{decorator}{call}\n{keyword} f(ctx): 'Do it.'\n"
    )
    assert (operation.name, operation.is_async) == ("f", keyword == "async def")
    assert bool(operation.counters) == ("letters" in call)


@pytest.mark.parametrize(
    ("source", "place", "told"),
    [
        ("@operation\ndef f(ctx): pass\n", (1, 2), "@operation is not imported: write from perfcli.operations import"),
        ("from elsewhere import operation\n@operation\ndef f(ctx): pass\n", (2, 2), "@operation is not imported"),
        (
            "from .perfcli.operations import operation\n@operation\ndef f(ctx): pass\n",
            (2, 2),
            "@operation is not imported",
        ),
        (IMPORT + "@operaton\ndef f(ctx): pass\n", (2, 2), "unknown decorator @operaton (did you mean 'operation'?)"),
        (IMPORT + "def f(ctx): pass\n", (2, 5), "f is not an operation: write @operation above it, and from"),
        (IMPORT + "@cache\ndef f(ctx): pass\n", (3, 5), "f is not an operation"),
        (IMPORT + "f = operation(lambda ctx: None)\n", (2, 1), "an operation is a function: write @operation above"),
        (IMPORT + "f = print(3)\n", (1, 1), "holds no operation: write @operation above a function, and from"),
        ("", (1, 1), "holds no operation"),
    ],
)
def test_a_file_without_an_operation_is_refused(source: str, place: tuple[int, int], told: str) -> None:
    ((line, column, message),) = mistakes_of(source)
    assert (line, column) == place
    assert message.startswith(told)


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        ("int", "int"),
        ("'int'", "int"),
        ("int | None", "int | None"),
        ("None | int", "int | None"),
        ("Optional[int]", "int | None"),
        ("typing.Union[str, None]", "str | None"),
        ("List[float]", "list[float]"),
        ("list[list[bool]]", "list[list[bool]]"),
        ("Literal['a', 'b', 'a']", "Literal['a', 'b']"),
        ("t.Literal[-1, True]", "Literal[-1, True]"),
        ("list[Literal['a']] | None", "list[Literal['a']] | None"),
    ],
)
def test_plain_annotations_have_one_spelling(annotation: str, text: str) -> None:
    (parameter,) = only(f"{IMPORT}@operation\ndef f(ctx, a: {annotation}): pass\n").parameters
    assert (parameter.type, parameter.required, parameter.default) == (text, True, None)


@pytest.mark.parametrize(
    ("parameter", "default"),
    [
        ("a: int = -3", -3),
        ("a: float = 2", 2.0),
        ("a: str = 'x' 'y'", "xy"),
        ("a: int | None = None", None),
        ("a: list[float] = [1, 2.5]", [1.0, 2.5]),
        ("a: Literal['a', 1] = 1", 1),
        ("a: Literal['loud'] = 'loud'", "loud"),
        ("a: bool = True", True),
    ],
)
def test_defaults_are_literals_of_the_type(parameter: str, default: object) -> None:
    (read,) = only(f"{IMPORT}@operation\ndef f(ctx, {parameter}): pass\n").parameters
    assert (read.required, read.default, type(read.default)) == (False, default, type(default))


@pytest.mark.parametrize(
    ("signature", "column", "message"),
    [
        # the first column of what is wrong, counted in f"def f({signature}): pass"
        ("", 5, "f takes no context: write def f(ctx: Context, ...)"),
        ("*, ctx", 5, "f takes no context"),
        ("length: int = 8", 7, "the first parameter is the context, not 'length'"),
        ("ctx=None", 11, "the context takes no default"),
        ("ctx, a", 12, "'a' has no annotation: write a: int, or another plain type"),
        ("ctx, a: dict[str, int]", 15, "'a': 'dict[str, int]' is not a plain type: use int, float, str, bool,"),
        ("ctx, a: int | str", 15, "'a': 'int | str' is not a plain type"),
        ("ctx, a: list[int | None]", 20, "'a': 'int | None' is not a plain type"),
        ("ctx, a: Literal[1.5]", 15, "'a': 'Literal[1.5]' is not a plain type"),
        ("ctx, a: 'int +'", 15, "'a': \"'int +'\" is not a plain type"),
        ("ctx, a: os.system('x')", 15, "'a': \"os.system('x')\" is not a plain type"),
        ("ctx, a: int = N", 21, "the default of 'a' is not a literal"),
        ("ctx, a: int = 2 * 3", 21, "the default of 'a' is not a literal"),
        ("ctx, a: int = '8'", 21, "the default of 'a': '8' does not fit int"),
        ("ctx, a: int = True", 21, "the default of 'a': True does not fit int"),
        ("ctx, a: int = None", 21, "the default of 'a': None does not fit int"),
        ("ctx, a: float = 1e999", 23, "the default of 'a': inf does not fit float"),
        ("ctx, a: Literal['a'] = 'b'", 30, "the default of 'a': 'b' does not fit Literal['a']"),
        ("ctx, a: list[int] = (1,)", 27, "the default of 'a': (1,) does not fit list[int]"),
        ("ctx, a: str = '\\ud800'", 21, "the default of 'a'"),
        ("ctx, name: str", 12, "'name' is a setting of every step"),
        ("ctx, *, weight: int = 1", 15, "'weight' is a setting of every step"),
        ("ctx, only_if: str", 12, "'only_if' is a setting of every step"),
        ("ctx, timeout: float = 1.0", 12, "'timeout' is a setting of every step"),
        ("ctx, operation: str", 12, "'operation' is a setting of every step"),
        ("ctx, *rest", 13, "*rest cannot be a setting: name each parameter"),
        ("ctx, **rest", 14, "**rest cannot be a setting: name each parameter"),
        ("ctx, a: int, /", 12, "'a' is positional-only"),
        ("ctx: 'ä', ü: set", 7, "the first parameter is the context"),
        ("ctx, ü: set", 15, "'ü': 'set' is not a plain type"),
    ],
)
def test_mistakes_in_the_parameters(signature: str, column: int, message: str) -> None:
    first, *_ = mistakes_of(f"{IMPORT}@operation\ndef f({signature}): pass\n")
    assert first[:2] == (3, column)
    assert first[2].startswith(message)


@pytest.mark.parametrize(
    ("decorator", "column", "message"),
    [
        ("operation('x')", 12, "@operation takes keywords only: write counters="),
        ("operation(counter={})", 20, "@operation has no 'counter' (did you mean 'counters'?)"),
        ("operation(**{})", 14, "@operation has no '**'"),
        ("operation(counters=C)", 21, "counters is not a literal dict"),
        ("operation(counters={1: 'count'})", 22, "the name of a counter is a text"),
        ("operation(counters={**C})", 24, "the name of a counter is a text"),
        ("operation(counters={'a': 'bytes'})", 27, "the unit of 'a' is one of 'count', 'size', 'duration'"),
        ("operation(counters={'a': COUNT})", 27, "the unit of 'a' is one of"),
        ("operation(counters={'A b': 'count'})", 22, "'A b' cannot name a counter"),
        ("operation(counters={'a': 'count', 'a': 'size'})", 36, "the counter 'a' is declared twice"),
        ("operation(counters={'a': 'count', 'a_per_op': 'size'})", 36, "the counters 'a' and 'a_per_op' would share"),
        ("operation(counters={'a_per_op': 'count', 'a': 'size'})", 43, "the counters 'a_per_op' and 'a' would share"),
        ("operation(counters={'latency': 'count'})", 22, "'latency' is a metric"),
        ("operation(counters={'memory': 'size'})", 22, "'memory' is a metric"),
        ("operation(counters={'p99': 'count'})", 22, "'p99' is a statistic"),
    ],
)
def test_mistakes_in_the_decorator(decorator: str, column: int, message: str) -> None:
    ((line, at, words),) = mistakes_of(f"{IMPORT}@{decorator}\ndef f(ctx): pass\n")
    assert (line, at) == (2, column)
    assert words.startswith(message)


@pytest.mark.parametrize(
    ("rest", "line", "column", "message"),
    [
        ("@operation\ndef load_pet(ctx): pass\n", 3, 5, "load_pet is a built-in operation"),
        ("@operation\ndef throughput(ctx): pass\n", 3, 5, "throughput is the name of a metric"),
        ("@operation\nasync  def  weight(ctx): pass\n", 3, 13, "weight is a setting of every step"),
        ("@operation\ndef _f(ctx): pass\n", 3, 5, "'_f' cannot name an operation"),
        ("@operation\ndef größe(ctx): pass\n", 3, 5, "'größe' cannot name an operation"),
        ("@operation\ndef f(ctx): pass\n@operation\ndef f(ctx): pass\n", 5, 5, "two operations are called 'f': the fi"),
        ("@operation\n@operation\ndef f(ctx): pass\n", 3, 2, "f is decorated with @operation twice"),
        ("@operation\nclass F: pass\n", 2, 2, "an operation is a function, not a class"),
        ("class F:\n    @operation\n    def f(ctx): pass\n", 3, 6, "f is inside another block"),
        ("if 1:\n    @operation\n    def f(ctx): pass\n", 3, 6, "f is inside another block"),
        ("@operation\ndef f(ctx):\n    yield 1\n", 3 + 1, 5, "f yields, so calling it runs nothing"),
        ("@operation\ndef f(ctx)\n    pass\n", 3, 11, "not Python: expected ':'"),
        ("@operation\ndef f(ctx):\npass\n", 4, 1, "not Python: expected an indented block"),
        ("a = '\0'\n", 1, 1, "not Python: "),
    ],
)
def test_mistakes_of_a_function(rest: str, line: int, column: int, message: str) -> None:
    (mistake,) = mistakes_of(IMPORT + rest)
    if "\0" not in rest:  # Python says where from 3.12 on
        assert mistake[:2] == (line, column)
    assert mistake[2].startswith(message)


TIMED = "with ctx.timed(): pass\n"


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (TIMED + TIMED, 5),
        ("with ctx.timed():\n    with ctx.timed(): pass\n", 5),
        ("with ctx.timed(), ctx.timed(): pass\n", 4),
        ("with open('x'):\n    " + TIMED + TIMED, 6),
        ("try:\n    " + TIMED + "finally:\n    " + TIMED, 7),
        ("try:\n    " + TIMED + "except OSError:\n    pass\nelse:\n    " + TIMED, 9),
        (f"if 1:\n    {TIMED}    {TIMED}", 6),
        (f"for _ in '':\n    {TIMED}    {TIMED}", 6),
        (f"match 1:\n  case 1:\n    {TIMED}    {TIMED}", 7),
    ],
)
def test_a_second_timed_block_on_a_straight_path_is_a_mistake(body: str, line: int) -> None:
    (mistake,) = mistakes_of(f"{IMPORT}@operation\ndef f(ctx):\n    " + body.replace("\n", "\n    ").rstrip() + "\n")
    assert mistake[0] == line
    assert mistake[2].startswith("a second timed block: the first is on line")


@pytest.mark.parametrize(
    "body",
    [
        TIMED,
        f"if 1:\n    {TIMED}else:\n    {TIMED}",
        f"if 1:\n    {TIMED}    return\n{TIMED}",
        f"for _ in range(2):\n    {TIMED}",
        f"try:\n    {TIMED}except OSError:\n    {TIMED}",
        f"return\n{TIMED}{TIMED}",
        f"def inner():\n    {TIMED}{TIMED}",
        "with other.timed(), other.timed(): pass\n",
    ],
)
def test_what_shows_at_run_time_only_is_no_mistake(body: str) -> None:
    source = f"{IMPORT}@operation\nasync def f(ctx):\n    " + body.replace("\n", "\n    ").rstrip() + "\n"
    assert mistakes_of(source) == []


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("ctx.timed()", "this times nothing: write with ctx.timed():"),
        ("async with ctx.timed(): pass", "a timed block is not async: write with ctx.timed():"),
    ],
)
def test_a_timed_block_that_cannot_work_is_a_mistake(statement: str, message: str) -> None:
    ((line, _, words),) = mistakes_of(f"{IMPORT}@operation\nasync def f(ctx):\n    {statement}\n")
    assert (line, words) == (4, message)


@pytest.mark.parametrize(
    ("body", "column", "message"),
    [
        ("ctx.tiemd()", 5, "the context has no 'tiemd' (did you mean 'timed'?)"),
        ("ctx.wrote(nmae='x', hp=1)", 20, "a pet has no field 'nmae' to look for (did you mean 'name'?)"),
        ("ctx.zzz = 1", 5, "the context has no 'zzz': it has call_tool, check, count,"),
        ("ctx.count('leters', 1)", 15, "no counter is named 'leters' (did you mean 'letters'?)"),
        ("ctx.count('x')", 15, 'no counter is named \'x\': declare it, @operation(counters={"x": "count"})'),
    ],
)
def test_what_the_context_cannot_do_is_a_mistake(body: str, column: int, message: str) -> None:
    head = "@operation(counters={'letters': 'count'})\ndef f(ctx):\n"
    ((line, at, words),) = mistakes_of(f"{IMPORT}{head}    {body}\n    ctx.count(n, 1)\n    ctx.count('letters', 1)\n")
    assert (line, at) == (4, column)
    assert words.startswith(message)


@pytest.mark.parametrize(
    ("body", "uses"),
    [
        ("pass", set()),
        ("with ctx.timed():\n        ctx.wrote(name=ctx.pet().name)", {"timed", "wrote", "pet"}),
        ("helper(ctx)", {"*"}),
        ("c = ctx\n    c.pet()", {"*"}),
        ("[ctx.user for _ in ()]", {"user"}),
        ("other.pet()", set()),
    ],
)
def test_what_a_function_may_use_of_its_context_is_known(body: str, uses: set[str]) -> None:
    operation = only(f"{IMPORT}@operation\ndef f(ctx):\n    {body}\n")
    assert operation.uses == tuple(sorted(uses))
    assert operation.may_use("pet") is bool(uses & {"pet", "*"})


def test_descriptions_of_parameters_come_from_the_docstring() -> None:
    doc = """Do it.

        a: not yet a parameter
    Args:
        a: the first,
            on two lines
        b (int): the second: with a colon
            and more

        c : the third

    Returns:
        d: nothing
    """
    operation = only(f"{IMPORT}@operation\ndef f(ctx, a: int, b: int, c: int, d: int):\n    {doc!r}\n")
    assert [parameter.description for parameter in operation.parameters] == [
        "the first, on two lines",
        "the second: with a colon and more",
        "the third",
        "",
    ]


def test_all_mistakes_are_found_in_the_order_of_the_lines() -> None:
    source = IMPORT + "@operation\ndef f(a: int): pass\n@operation(x=1)\ndef g(ctx, b: set, c): pass\n"
    assert [mistake[:2] for mistake in mistakes_of(source)] == [(3, 7), (4, 14), (5, 15), (5, 20)]
    assert mistakes_of(source)[0][2].startswith("the first parameter is the context")


def test_a_flawed_operation_is_known_beside_its_mistakes() -> None:
    reading = read_operations(IMPORT + "@operation\ndef f(ctx, a: int, b): pass\n")
    (operation,) = reading.operations
    assert [parameter.name for parameter in operation.parameters] == ["a"]
    assert not read_operations("def").operations


def test_too_many_operations_are_refused() -> None:
    source = IMPORT + "".join(f"@operation\ndef f{at}(ctx): pass\n" for at in range(MOST_OPERATIONS + 2))
    ((line, _, message),) = mistakes_of(source)
    assert (line, message) == (1 + 2 * MOST_OPERATIONS + 2, f"a file has at most {MOST_OPERATIONS} operations")


@pytest.mark.parametrize("nested", ["-" * 50_000 + "1", "(" * 5_000, "[" * 150 + "]" * 150, "a" + ".a" * 20_000])
def test_deep_nesting_is_a_mistake_or_read(nested: str) -> None:
    source = f"{IMPORT}@operation\ndef f(ctx, a: int = {nested}): pass\n"
    assert mistakes_of(source)


_SCRAPS = (
    "@operation|operation(|)|def |f|(|ctx|: |int|list[|]| = |8|'a'|\n|\n    |with ctx.timed():|pass|yield|async |,"
    "|/|*|**|class F:|if 1:|Literal[|None| | |counters=|{|}|\\ud800|\x0c|\r|ä|\u2028|0x|1e999|lambda: |import |."
)
_PIECES = st.sampled_from(_SCRAPS.split("|"))


@given(st.one_of(st.text(), st.lists(_PIECES).map("".join).map(IMPORT.__add__)))
def test_no_source_raises_anything(source: str) -> None:
    lines = source.count("\n") + source.count("\r") + 1
    before = set(sys.modules)
    for line, column, message in read_operations(source, ("load_pet",)).mistakes:
        assert 1 <= line <= lines + 1
        assert column >= 1
        assert message
    assert set(sys.modules) == before


def test_nothing_of_the_source_is_executed(capsys: pytest.CaptureFixture[str]) -> None:
    source = (
        "print('imported')\n"
        + IMPORT
        + "@operation(counters=print('decorated'))\n"
        + "def f(ctx, a: print('annotated') = print('default')): print('called')\n"
        + "raise SystemExit\n"
    )
    assert len(mistakes_of(source)) == 2
    assert capsys.readouterr().out == ""
