"""The analyzer: a decision for every ticker, made when its evidence changes, answered when asked.

Hears ``indicators.computed`` (the evidence), ``settings.analysis``, its own ``decision.made``, and
what tells how fresh an answer is: ``market.quote``, ``market.bars``, ``market.refused``,
``source.called``, ``calendar.sessions``, ``cache.cleared``. Says ``decision.made`` where a decision
differs in more than the seqs of its evidence, and ``settings.analysis``. Takes
``ConfigureAnalysis``; answers ``Analyze``, for which it may need ``FetchNow`` of the fetcher.
"""
