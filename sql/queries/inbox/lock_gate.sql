-- Wait until no delivery is being stored, and keep others waiting until the transaction ends.
lock table receiver.gate in share row exclusive mode
