"""The Command Center in a real Chromium: over a deck in memory here, over real processes elsewhere.

Hooks that tests may rely on (they change only together with the tests):

``html[data-ready=true]``         the watchlist is complete; ``data-link``: connecting, live or
                                  waiting; ``data-simulated``: anything shown is simulated
``[data-light=data|system]``      ``data-state``: fresh, aged, simulated, none, unknown; or ready,
                                  partial, lost, unknown; ``title`` says why
``[data-banner=simulated|trouble]`` hidden unless there is something to say
``tr[data-ticker=NVDA]``          a row of the watchlist; ``data-simulated``, ``data-stale``,
                                  ``data-known`` (anything has arrived), ``aria-selected``
``[data-field=price|change|rsi|trend|signal|score|source|age]`` its cells; ``data-value`` is the
                                  value of the API as it came, absent where that is null
``[data-action=remove|locked]``   its button; ``[data-action=start|stop|restart|fetch|theme]``,
                                  ``[data-action=add-ticker]`` (the field), ``[data-action=add]``
``[data-field=add-error]``        what the deck refused, and the remedy
``[data-view=ticker]``            the selected ticker: ``data-ticker``, ``data-simulated``,
                                  ``data-loaded``; in it the fields of a row
``[data-chart=lightweight|drawn]`` the chart: ``data-bars``, ``data-forming``, ``data-simulated``
``[data-card=decision]``          ``data-signal``, ``data-seq``, ``data-simulated``, ``data-stale``,
                                  ``data-source``; then by ``[data-field=...]`` with ``data-value``:
                                  signal, composite, probability, entry, stop, target, r_r_ratio,
                                  shares, position_value, risk_dollars, potential_profit
``[data-component=...]``          ``data-value``, or ``data-missing``
``[data-group=why|why-not|silent] tr[data-rule=...]`` the rules, with ``data-vote``
``[data-source=yahoo]``           a source of the collector: ``data-state``: ready, limited, off
``#bus``                          the panel of the bus: ``data-state``: ready, bad, lost, unknown;
                                  ``tr[data-service=...] [data-column=...]`` with ``data-value``,
                                  ``[data-letter=cache-90]`` (its service and seq), with its button
``[data-field=seq|events|tickers|cached|last-run|next-run|collector]`` the collector and the header

A page that `tests.browser.conftest.open_page` opened fails its test on any console message of an
error or a warning and on any request to another host.
"""
