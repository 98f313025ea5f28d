import meta_demo  # noqa: F401  (before torch: it says how threads wait)
