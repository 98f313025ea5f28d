"""From people's files to episodes: tables, folders, archives, task objects."""
