"""The subcommands of pkg: options, texts, and what each of them asks the rest to do."""
