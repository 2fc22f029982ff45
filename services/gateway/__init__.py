"""The deck's doors: page, HTTP, live stream, control socket and command line; one table of verbs.

Hears every record of the tape, for the pages that look on. Says nothing: what people wish goes as
commands to the services that decide. Answers requests over HTTP, WebSocket and the control socket.
"""
