"""Reads what `talanoa get --format` wrote with other people's tools, and compares it with the signed file.

usage: tables.py FOLDER...    each with a signed file and its four derived tables
Exit 0: every derived table is the same table. Needs pandas, pyarrow and pysdmx.
"""

import pathlib
import sys

import pandas
import pyarrow.parquet
from pysdmx.io import read_sdmx


def signed(folder):
    (path,) = (f for f in folder.iterdir() if f.is_file() and f.name != "provenance.json")
    return path


def text(frame):
    """Every cell as text; numbers by their value, what is missing as the empty text."""

    def cell(value):
        if value is None or value != value or value == "":
            return ""
        if isinstance(value, float):
            return repr(value)
        return str(value)

    return frame.map(cell)


def number(value):
    return repr(float(value)) if value not in ("", "NaN") else ""


def expected(path):
    """The signed table as pandas or pysdmx reads it."""
    if path.suffix == ".csv":
        frame = pandas.read_csv(path, dtype=str, keep_default_na=False)
        if "ACTION" in frame:
            frame = frame[frame["ACTION"] != "D"].drop(columns="ACTION")
        return frame.reset_index(drop=True)
    (data_set,) = read_sdmx(path, validate=False).data
    return data_set.data.astype(object).where(data_set.data.notna(), "").astype(str)


def same(what, want, have, numbers=()):
    have, want = text(have), text(want)
    for column in numbers:
        have[column], want[column] = have[column].map(number), want[column].map(number)
    missing = set(want.columns) - set(have.columns)
    assert not missing, f"{what}: without the columns {missing}"
    have = have[list(want.columns)]
    differences = (have != want).to_numpy().sum()
    assert have.shape == want.shape and not differences, f"{what}: {differences} cells differ\n{want}\n{have}"
    print(f"{what}: {have.shape[0]} rows, {have.shape[1]} columns, the same")


def judge(folder):
    path = signed(folder)
    want = expected(path)
    stem, folder = path.stem, folder / "derived"
    numbers = [c for c in ("OBS_VALUE", "value") if c in want]
    people = pandas.read_csv(folder / f"{stem}.csv", dtype=str, keep_default_na=False)
    is_formula = want.map(lambda cell: str(cell)[:1] in ("=", "@"))
    same("csv", want.where(~is_formula, "'" + want.astype(str)), people, numbers)
    objects = pandas.read_json(folder / f"{stem}.json", dtype=False)
    same("json", want, objects, numbers)
    table = pyarrow.parquet.read_table(folder / f"{stem}.parquet")
    assert b"talanoa.checkpoint" in table.schema.metadata
    for column in numbers:
        assert str(table.schema.field(column).type) in ("double", "int64"), table.schema
    same("parquet", want, table.to_pandas(), numbers)
    sdmx = folder / f"{stem}.sdmx.csv"
    if sdmx.exists():
        frames = [d.data.astype(object).where(d.data.notna(), "").astype(str) for d in read_sdmx(sdmx, validate=False).data]
        components = [c for c in want.columns if c not in ("STRUCTURE", "STRUCTURE_ID")]
        # Another reader's guess: it takes codes for numbers, and so does the comparison.
        plain = [c for c in components if not want[c].map(lambda v: str(v).startswith("0")).any()]
        same("sdmx-csv", want[plain], pandas.concat(frames, ignore_index=True), numbers)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(f"{name}:")
        judge(pathlib.Path(name))
