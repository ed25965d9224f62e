"""The judge of all methods: accuracy and cost of a policy."""
