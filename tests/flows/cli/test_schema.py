import json


def test_the_schema_is_written_as_json(call):
    answer = call("schema")
    assert answer.code == 0, answer.err
    assert "write" in json.loads(answer.out)["$defs"]["NodeDocument"]["properties"]["uses"]["enum"]
