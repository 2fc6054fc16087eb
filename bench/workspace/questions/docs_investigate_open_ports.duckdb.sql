-- approximate: the query names a port as text and as a number
WITH ports AS (
  SELECT TimeStamp, f_Protocol AS Protocol,
    CAST(f_LocalPort AS INTEGER) AS LocalPort, f_RemoteAddress AS RemoteAddress,
    f_RemotePort AS RemotePort
  FROM raw_event WHERE DeviceId = '{device}' AND RawEventName = 'ListeningPorts'
    AND TRY_CAST(f_LocalPort AS INTEGER) <= 1024)
SELECT Protocol, LocalPort, min(TimeStamp) AS MinObservedTime,
  max(TimeStamp) AS MaxObservedTime, list(DISTINCT RemoteAddress)[:128] AS Addresses,
  list(DISTINCT RemotePort)[:128] AS Ports
FROM ports GROUP BY Protocol, LocalPort
