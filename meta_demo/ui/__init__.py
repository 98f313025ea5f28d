"""The page in the browser: layout, words, charts and events. Everything it computes, the service computes."""
