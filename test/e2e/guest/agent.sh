# Starts agent.c, because vhca/run runs a script.
exec ./agent
