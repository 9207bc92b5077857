"""LoRAs: what is known of each file (record, metadata), which there are (library, watcher), which fit (ranking)."""
