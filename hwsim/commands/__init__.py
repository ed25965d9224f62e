"""The sub-commands of `hwsim`, one a file; each parses its options and calls one function."""
