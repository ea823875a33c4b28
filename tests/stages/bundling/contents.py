"""What sources are made from, without a file."""

GOLDEN = {
    "pixels": {"file": "golden/pixels.bin"},
    "input": {"file": "golden/input.bin"},
    "output": {"file": "golden/expected.bin"},
    "tolerance": 0.1,
}


class Unread:
    """Stands for a model whose file is not looked at: its contract is what sources are made of."""

    def __init__(self, contract):
        self.contract, self.digest = contract, ""

    def bytes(self):
        return 1
