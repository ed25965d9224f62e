"""Hardware-aware compression: a search over pruners, sparsities and precisions, priced by hwsim."""
