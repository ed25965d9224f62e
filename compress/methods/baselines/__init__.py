"""The methods that the composite agent is compared with, one file each, all on the same oracle."""
