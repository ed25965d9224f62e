"""Tables, plots, traces and pages of a run."""
