"""The indicators: what the bars of every ticker and timeframe say, after each closed bar.

Hears ``market.bars`` (1d and 1h; simulated series have keys of their own) and
``settings.indicators``. Says ``indicators.computed`` when a bar closed or a closed one was
corrected, ``indicators.forming`` when the bar that forms moved, and ``settings.indicators``. Takes
``Configure``, a command to itself; answers nothing.
"""
