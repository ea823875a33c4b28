"""The table of all runs' figures."""

import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from edgesmith_flows.figures.metric import Metric
from edgesmith_flows.figures.table import FigureTable
from edgesmith_flows.store import Store

LETTERS = Metric("c", "letters", "b")


def read_all(root):
    with FigureTable(Store.open(root)) as table:
        return [point.value for point in table.points(LETTERS)]


def test_a_run_s_figures_are_there_by_input_and_over_time(engine, record):
    first, second = record(), record(marks=3)
    with FigureTable(engine.store) as table:
        points = table.points(LETTERS)
        assert [(point.run, point.value) for point in points] == [(first.name, 6.0), (second.name, 8.0)]
        assert LETTERS in table.metrics("tiny")
        assert table.metrics("other") == []
        run = table.run(second.name)
    assert run.figures[Metric("c", "total")] == 13
    assert set(run.keys) == {"a", "b", "c"}


def test_it_is_rebuilt_from_the_records_where_it_is_gone_or_damaged(engine, record):
    record()
    file = engine.store.root / "figures.sqlite"
    assert file.exists()
    assert read_all(engine.store.root) == [6.0]
    file.unlink()
    assert read_all(engine.store.root) == [6.0]
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    file.write_bytes(b"no database, " * 100)
    assert read_all(engine.store.root) == [6.0]


def test_damage_beyond_the_first_page_is_found_at_once(engine, record):
    record()
    file = engine.store.root / "figures.sqlite"
    with closing(sqlite3.connect(file)) as database:
        database.execute("pragma wal_checkpoint(truncate)")
    content = file.read_bytes()
    file.write_bytes(content[:4096] + b"x" * (len(content) - 4096))
    assert read_all(engine.store.root) == [6.0]
    assert list((engine.store.root / "damaged").iterdir())


def test_a_table_of_another_format_is_made_anew(engine, record):
    record()
    with sqlite3.connect(engine.store.root / "figures.sqlite") as database:
        database.execute("pragma user_version=99")
    database.close()
    assert read_all(engine.store.root) == [6.0]


def test_figures_outlive_what_the_store_collects(engine, record):
    run = record()
    for key in run.keys:
        engine.store.forget(key)
    (engine.store.root / "runs" / f"{run.name}.json").unlink()
    with FigureTable(engine.store) as table:
        assert [point.value for point in table.points(LETTERS)] == [6.0]
        assert table.document(table.run(run.name).keys["b"])["stage"] == "shout"


def test_a_run_that_is_unknown_is_a_key_error(engine):
    with FigureTable(engine.store) as table, pytest.raises(KeyError):
        table.run("never")


@pytest.mark.slow
def test_many_processes_may_fill_it_at_once(engine, record):
    for marks in range(1, 5):
        record(marks=marks)
    for suffix in ("", "-wal", "-shm"):
        (engine.store.root / f"figures.sqlite{suffix}").unlink(missing_ok=True)
    code = (
        "import sys; from pathlib import Path; from edgesmith_flows.store import Store; "
        "from edgesmith_flows.figures.table import FigureTable; "
        "print(len(FigureTable(Store.open(Path(sys.argv[1]))).names()))"
    )
    command = [sys.executable, "-c", code, str(engine.store.root)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate(timeout=120)[0].strip() for process in started] == ["4"] * 4
    assert len(read_all(engine.store.root)) == 4
