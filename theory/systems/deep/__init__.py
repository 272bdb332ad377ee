"""Networks of any depth: their architecture, the powers of ε in their gradients, the leading system and its balances."""
