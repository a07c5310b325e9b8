"""The file that a killed run goes on from."""

from __future__ import annotations

import math

import pytest
from fakes.questions import a_record
from MedSegAICore.errors import RecordsDamaged, SettingsDiffer
from MedSegAICore.evaluation.records import RecordFile, record_from_dict, record_to_dict

SETTINGS = {"protocol": "p", "seed": 3, "methods": ("a", "b")}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "records.jsonl"


def test_records_come_back_as_they_were(path):
    file = RecordFile(path, SETTINGS)
    records = [a_record(), a_record("s1", dice=0.1 + 0.2, variant="4 supports", failure="It said: no.\n")]
    for record in records:
        file.append(record)
    assert RecordFile(path, SETTINGS).records == tuple(records)


def test_values_that_json_has_no_word_for_come_back(path):
    RecordFile(path, SETTINGS).append(a_record(values={"x": math.nan, "y": math.inf, "z": -math.inf}))
    (found,) = RecordFile(path, SETTINGS).records
    assert math.isnan(found.values["x"])
    assert (found.values["y"], found.values["z"]) == (math.inf, -math.inf)


def test_a_file_cut_anywhere_keeps_every_whole_record(path):
    file = RecordFile(path, SETTINGS)
    records = [a_record(f"s{number}") for number in range(2)]
    for record in records:
        file.append(record)
    content = path.read_bytes()
    ends = [index + 1 for index, byte in enumerate(content) if byte == ord("\n")]
    lengths = {
        *range(0, len(content), 41),
        *(end + by for end in ends for by in (-1, 0, 1) if end + by <= len(content)),
    }
    for length in sorted(lengths):
        path.write_bytes(content[:length])
        whole = max(sum(end <= length for end in ends) - 1, 0)
        again = RecordFile(path, SETTINGS)
        assert again.records == tuple(records[:whole])
        again.append(records[0])
        assert RecordFile(path, SETTINGS).records == (*records[:whole], records[0])


def test_a_last_line_without_content_is_redone(path):
    RecordFile(path, SETTINGS).append(a_record())
    with path.open("ab") as stream:
        stream.write(bytes(20) + b"\n")
    assert RecordFile(path, SETTINGS).records == (a_record(),)


def test_damage_in_the_middle_is_refused_by_name(path):
    file = RecordFile(path, SETTINGS)
    file.append(a_record())
    content = path.read_bytes()
    path.write_bytes(content + b"{half\n" + content.splitlines(keepends=True)[1])
    with pytest.raises(RecordsDamaged, match="Line 3"):
        RecordFile(path, SETTINGS)


@pytest.mark.parametrize("name", ["protocol", "seed", "methods"])
def test_other_settings_are_refused_by_name(path, name):
    RecordFile(path, SETTINGS)
    with pytest.raises(SettingsDiffer, match=f"another {name}"):
        RecordFile(path, SETTINGS | {name: "other"})
    with pytest.raises(SettingsDiffer, match="another extra"):
        RecordFile(path, SETTINGS | {"extra": 1})


@pytest.mark.parametrize("line", ["[1, 2]", '{"settings": {}}', '{"format": "MedSegAI records 1", "settings": 3}'])
def test_another_file_is_refused_by_name(path, line):
    path.write_text(f"{line}\n")
    with pytest.raises(RecordsDamaged, match="does not hold records"):
        RecordFile(path, SETTINGS)


@pytest.mark.parametrize("change", [{"seconds": "soon"}, {"values": 3}, {"values": {"dice": None}}])
def test_a_record_that_is_not_complete_is_refused_by_name(change):
    with pytest.raises(RecordsDamaged):
        record_from_dict(record_to_dict(a_record()) | change)
