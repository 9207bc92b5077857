"""Language models behind one small port: endpoints, models in process."""
