"""A search method of one's own; from this folder: `compress search --method example_method:Halving ...`."""

from __future__ import annotations

from compress import LayerPolicy, Policy


class Halving:
    """Try each layer at half its bits in turn; keep what loses at most a point."""

    def __init__(self, problem):
        self.names, self.bits, self.turn = problem.names, dict.fromkeys(problem.names, 8), 0

    def ask(self):
        layer = self.names[self.turn % len(self.names)]
        tried = {**self.bits, layer: max(self.bits[layer] // 2, 2)}
        return Policy({name: LayerPolicy(bits=bits) for name, bits in tried.items()})

    def tell(self, policy, measured):
        self.turn += 1
        if measured.loss_pct <= 1.0:
            self.bits = {name: policy.layer(name).bits for name in self.names}

    def state_dict(self):
        return {"bits": self.bits, "turn": self.turn}

    def load_state_dict(self, state):
        self.bits, self.turn = dict(state["bits"]), state["turn"]
