"""Operations: a request becomes a plan, a plan is executed under the locks of all its servers."""
