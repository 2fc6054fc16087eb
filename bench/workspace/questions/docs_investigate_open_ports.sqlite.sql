WITH ports AS MATERIALIZED (
  SELECT (EventDetails->>'$.TimestampLocal') AS TimestampLocal, (EventDetails->>'$.Protocol') AS Protocol,
    CAST((EventDetails->>'$.LocalPort') AS INTEGER) AS LocalPort, (EventDetails->>'$.RemoteAddress') AS RemoteAddress,
    (EventDetails->>'$.RemotePort') AS RemotePort
  FROM raw_event WHERE DeviceId = '{device}' AND RawEventName = 'ListeningPorts')
SELECT Protocol, LocalPort, min(TimestampLocal), max(TimestampLocal), json_group_array(DISTINCT RemoteAddress),
  json_group_array(DISTINCT RemotePort)
FROM ports WHERE LocalPort <= 1024 GROUP BY Protocol, LocalPort
