"""Any torch module as layers in execution order, channel units and groups."""
