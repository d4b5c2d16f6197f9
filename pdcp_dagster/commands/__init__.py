"""Floor 5: what each `pdcp` command does, wired from the floors below."""
